/** Sending bytes to S3: with progress where there is XMLHttpRequest, by `fetch` elsewhere. */
import { type Connection, lost } from "./connection.js";
import { SlipwayError } from "./errors.js";

/** One PUT. */
export interface Put {
  url: string;
  /** Exactly these are sent: they are part of the signature. */
  headers: Record<string, string>;
  body: Blob;
  signal?: AbortSignal;
  /** How many bytes of the body are on their way. */
  onSent?: (bytes: number) => void;
}

/** A connection on which nothing moves for as long is given up, and the bytes are sent again. */
const STALLED_MS = 60_000;

/** Puts the bytes, and resolves with S3's status: 2xx, or one that the caller has an answer to. */
export async function put(connection: Connection, request: Put, known: number[]): Promise<number> {
  request.signal?.throwIfAborted();
  const viaXhr = typeof XMLHttpRequest === "function";
  const sending = viaXhr ? byXhr(request) : byFetch(connection, request);
  const { status, text } = await sending.catch(async (error) => {
    request.signal?.throwIfAborted();
    await stillReadable(request.body);
    throw error;
  });
  if ((status >= 200 && status < 300) || known.includes(status)) return status;
  throw refusal(status, text);
}

/** A file that was changed or removed on the disk looks like a broken connection, and no repeating helps. */
async function stillReadable(body: Blob): Promise<void> {
  await body
    .slice(0, 1)
    .arrayBuffer()
    .catch((cause) => {
      throw new SlipwayError("file_changed", "The file has changed on the disk or is gone. Choose it again.", 0, {
        cause,
      });
    });
}

/** What S3 answers by 4xx although the same bytes may fare better: it got others than we sent, too slowly, or two at once. */
const AGAIN = new Set([
  "BadDigest",
  "ConditionalRequestConflict",
  "IncompleteBody",
  "RequestTimeout",
  "SlowDown",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
]);

/** S3 says why in XML. Its code is short and says more than its sentence. */
function refusal(status: number, text: string): SlipwayError {
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "no reason given";
  const retryable = status >= 500 || AGAIN.has(code);
  return new SlipwayError("upload_refused", `S3 refused the upload (${status} ${code}).`, status, { retryable });
}

type Answer = { status: number; text: string };

async function byFetch(connection: Connection, request: Put): Promise<Answer> {
  const { url, headers, body, signal, onSent } = request;
  try {
    const response = await connection.fetch(url, { method: "PUT", headers, body, signal });
    const text = await response.text();
    if (response.ok) onSent?.(body.size);
    return { status: response.status, text };
  } catch (cause) {
    signal?.throwIfAborted();
    throw lost(cause);
  }
}

function byXhr({ url, headers, body, signal, onSent }: Put): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let watch: ReturnType<typeof setTimeout>;
    const moves = () => {
      clearTimeout(watch);
      watch = setTimeout(() => xhr.abort(), STALLED_MS);
    };
    const abort = () => xhr.abort();
    xhr.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      moves();
      onSent?.(event.loaded);
    };
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = () => reject(lost());
    xhr.onabort = () => reject(signal?.aborted ? signal.reason : lost(new Error("nothing moved")));
    xhr.onloadend = () => {
      clearTimeout(watch);
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort, { once: true });
    moves();
    xhr.send(body);
  });
}
