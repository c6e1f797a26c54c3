/** Sends bytes to S3: by XMLHttpRequest, which reports progress, or by `fetch` where there is none. */
import { check, reasonOf } from "./abort.js";
import { type Connection, lost, type SendFile, unanswered } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { FileOnDisk, Source } from "./upload.js";

/** A connection on which nothing moves for this long is aborted, and the bytes are sent again. */
const STALLED_MS = 60_000;

/**
 * Until the last byte is sent, the file is checked this often: Firefox waits without an error for a file that has
 * changed, and WebKit for one that became shorter.
 */
const CHECK_MS = 5_000;

/**
 * How long the answer may take after the last byte. Proxies and virus scanners take all bytes at once and send them on at the
 * speed of their own connection, so this depends on the size: 64 KiB/s, and two minutes at least.
 */
const answerMs = (size: number) => Math.max(120_000, size / 64);

/**
 * PUTs the bytes. Resolves with S3's status: 2xx, or one of `known`, which the caller handles. The headers are part of
 * the signature, and sent as they are. `onSent` gets how many bytes were sent.
 */
export async function put(
  connection: Connection,
  url: string,
  headers: Record<string, string>,
  body: Source,
  known: number[],
  onSent: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  check(signal);
  const byRuntime = typeof XMLHttpRequest === "function" ? byXhr : byFetch;
  const send = connection.sendFile && "uri" in body ? byApplication : byRuntime;
  let isAllowed = false;
  const count = (bytes: number) => {
    // The first byte follows a preflight that has succeeded.
    isAllowed = bytes > 0;
    onSent(bytes);
  };
  const { status, text } = await send(connection, url, headers, body, count, signal).catch(async (error) => {
    check(signal);
    await checkFile(body);
    if (error instanceof SlipwayError) throw error;
    throw isAllowed ? lost(error) : await unanswered(connection, url, "S3", error);
  });
  if (status < 300 || known.includes(status)) return status;
  throw refusal(status, text);
}

/**
 * Fails with `file_changed` if the file was changed or removed on the disk. Such a file looks like a broken connection, and repeating
 * does not help. Chromium rejects the read, and Firefox resolves with fewer bytes. WebKit fills an `arrayBuffer()` with zeros up to
 * the length that the file had, but not a `text()`, in which every byte alone is one character.
 */
async function checkFile(body: Source): Promise<void> {
  // React Native cannot read a file.
  if (!isReadable(body) || body.size === 0) return;
  const last = body.slice(body.size - 1);
  if (!(await last.text().catch(() => ""))) throw changed();
}

/** Reads `length` bytes. */
export async function bytesOf(file: Blob, length: number): Promise<ArrayBuffer> {
  const bytes = await file.arrayBuffer().catch(() => undefined);
  if (bytes?.byteLength === length) return bytes;
  throw changed();
}

const changed = () => new SlipwayError("file_changed", "The file has changed. Choose it again.");

/** Whether scripts can read the file. React Native's cannot. */
export function isReadable(file: Source): file is Blob {
  return typeof (file as Blob).arrayBuffer === "function";
}

/**
 * Codes of S3's 4xx after which the same bytes may succeed, as far as they must be told apart: `BadDigest`,
 * `XAmzContentSHA256Mismatch` and its like, `IncompleteBody`, `RequestTimeout`, `ConditionalRequestConflict`, `SlowDown`.
 */
const AGAIN = /BadDigest|Conflict|Incomplete|RequestTimeout|SlowDown|Mismatch/;
/** S3 reports the reason in XML. */
function refusal(status: number, text: string): SlipwayError {
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "";
  const retryable = status >= 500 || AGAIN.test(code);
  const hint = code === "RequestTimeTooSkewed" ? " The clock of the signing server is wrong." : "";
  const message = `S3 refused the upload (${status} ${code}).${hint}`;
  // The parts of an upload that was completed or aborted.
  return new SlipwayError(code === "NoSuchUpload" ? "not_found" : "upload_refused", message, status, { retryable });
}

type Send = (
  connection: Connection,
  url: string,
  headers: Record<string, string>,
  body: Source,
  onSent: (bytes: number) => void,
  signal?: AbortSignal,
) => Promise<{ status: number; text: string }>;

const byFetch: Send = async (connection, url, headers, body, onSent, signal) => {
  await checkFile(body);
  const response = await connection.fetch(url, { method: "PUT", headers, body: body as Blob, signal });
  const text = await response.text();
  if (response.ok) onSent(body.size);
  return { status: response.status, text };
};

const byApplication: Send = async ({ sendFile }, url, headers, file, onSent, signal) => {
  const request = { url, headers, onSent, signal };
  const { status, body = "" } = await (sendFile as SendFile)(file as FileOnDisk, request);
  return { status, text: body };
};

const byXhr: Send = (_, url, headers, body, onSent, signal) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let reason: unknown;
    let allowed = STALLED_MS;
    let moved = Date.now();
    const stop = (why: unknown) => {
      reason = why;
      xhr.abort();
    };
    const look = () => checkFile(body).catch(stop);
    const watch = setInterval(() => {
      const still = Date.now() - moved;
      if (still >= allowed) stop(lost(undefined, `Nothing moved for ${(still / 1000) | 0} s.`));
      else if (allowed === STALLED_MS) look();
    }, CHECK_MS);
    const abort = () => stop(reasonOf(signal));
    xhr.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      moved = Date.now();
      onSent(event.loaded);
    };
    xhr.upload.onload = () => {
      moved = Date.now();
      allowed = answerMs(body.size);
    };
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = reject;
    xhr.onabort = () => reject(reason);
    xhr.onloadend = () => {
      clearInterval(watch);
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    // React Native sends `{ uri }` from the disk.
    xhr.send(body as Blob);
    // Next to sending, so that the connection does not wait for the disk.
    look();
  });
