/** Sends bytes to S3: by XMLHttpRequest, which reports progress, or by `fetch` where there is none. */
import { check, reasonOf } from "./abort.js";
import { type Connection, lost, unanswered } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { Source } from "./upload.js";

/** One PUT. */
export interface Put {
  url: string;
  /** Sent exactly as given: they are part of the signature. */
  headers: Record<string, string>;
  body: Source;
  signal?: AbortSignal;
  /** How many bytes of the body were sent. */
  onSent?: (bytes: number) => void;
}

/** A connection on which nothing moves for this long is aborted, and the bytes are sent again. */
const STALLED_MS = 60_000;

/** While nothing moves, the file is checked this often: Firefox waits without an error for a file that has changed. */
const CHECK_MS = 5_000;

/**
 * How long the answer may take after the last byte. Proxies and virus scanners take all bytes at once and send them on at the
 * speed of their own connection, so this depends on the size: 64 KiB/s, and two minutes at least.
 */
const answerMs = (size: number) => Math.max(120_000, size / 64);

/** Sends the bytes. Resolves with S3's status: 2xx, or one of `known`, which the caller handles. */
export async function put(connection: Connection, request: Put, known: number[]): Promise<number> {
  const { signal, body } = request;
  check(signal);
  await checkFile(body);
  const viaXhr = typeof XMLHttpRequest === "function";
  const { status, text } = await (viaXhr ? byXhr(request) : byFetch(connection, request)).catch(async (error) => {
    check(signal);
    await checkFile(body);
    if (error instanceof SlipwayError) throw error;
    throw await unanswered(connection, request.url, "S3", error);
  });
  if ((status >= 200 && status < 300) || known.includes(status)) return status;
  throw refusal(status, text);
}

/**
 * Fails with `file_changed` if the file was changed or removed on the disk. Such a file looks like a broken connection, and repeating
 * does not help. Chromium rejects the read; Firefox resolves with fewer bytes.
 */
async function checkFile(body: Source): Promise<void> {
  // React Native cannot read a file.
  if (!isReadable(body) || body.size === 0) return;
  let cause: unknown;
  const last = await body
    .slice(body.size - 1)
    .arrayBuffer()
    .catch((error) => {
      cause = error;
    });
  if (last?.byteLength === 1) return;
  throw new SlipwayError("file_changed", "The file has changed on the disk or is gone. Choose it again.", 0, { cause });
}

/** Whether scripts can read the file. React Native's cannot. */
export function isReadable(file: Source): file is Blob {
  return typeof (file as Blob).arrayBuffer === "function";
}

/** Codes of S3's 4xx after which the same bytes may succeed: it received other bytes, too slowly, or two requests at once. */
const AGAIN = /^(BadDigest|ConditionalRequestConflict|IncompleteBody|RequestTimeout|SlowDown|XAmzContent\w+Mismatch)$/;

/** S3 reports the reason in XML. */
function refusal(status: number, text: string): SlipwayError {
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "no reason given";
  const retryable = status >= 500 || AGAIN.test(code);
  const hint = code === "RequestTimeTooSkewed" ? " The clock of the server that signs differs from S3's." : "";
  const message = `S3 refused the upload (${status} ${code}).${hint}`;
  return new SlipwayError("upload_refused", message, status, { retryable });
}

type Answer = { status: number; text: string };

async function byFetch(connection: Connection, { url, headers, body, signal, onSent }: Put): Promise<Answer> {
  const response = await connection.fetch(url, { method: "PUT", headers, body: body as Blob, signal });
  const text = await response.text();
  if (response.ok) onSent?.(body.size);
  return { status: response.status, text };
}

function byXhr({ url, headers, body, signal, onSent }: Put): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let reason: unknown;
    let allowed = STALLED_MS;
    let moved = Date.now();
    const stop = (why: unknown) => {
      reason = why;
      xhr.abort();
    };
    const watch = setInterval(() => {
      const still = Date.now() - moved;
      if (still >= allowed) stop(lost(`Nothing moved for ${Math.round(still / 1000)} s.`));
      else if (still >= CHECK_MS && allowed === STALLED_MS) checkFile(body).catch(stop);
    }, CHECK_MS);
    const abort = () => stop(reasonOf(signal));
    xhr.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      moved = Date.now();
      onSent?.(event.loaded);
    };
    xhr.upload.onload = () => {
      moved = Date.now();
      allowed = answerMs(body.size);
    };
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = () => reject(new Error("XMLHttpRequest failed"));
    xhr.onabort = () => reject(reason);
    xhr.onloadend = () => {
      clearInterval(watch);
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    // React Native sends `{ uri }` from the disk.
    xhr.send(body as Blob);
  });
}
