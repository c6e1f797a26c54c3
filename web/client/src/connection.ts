/** Calls of the API: the token, JSON, timeouts, and error answers. */
import { check, deadline } from "./abort.js";
import { errorOf, SlipwayError } from "./errors.js";
import { Pace } from "./pace.js";
import { type Retry, type RetryOptions, retrying } from "./retry.js";
import type { FileOnDisk } from "./upload.js";

/** Where the API is and who is calling. */
export interface ConnectionOptions {
  /** The address of the API, such as `https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com`. In a browser it may be relative to the page. */
  url: string;
  /**
   * Returns the caller's token. It is called before each request. `refused` is the token that was just answered with
   * 401: return a fresh one.
   */
  token: (refused?: string) => string | Promise<string>;
  /** Replaces the global `fetch`, for example in tests. */
  fetch?: typeof fetch;
  /**
   * Sends a `FileOnDisk` to S3 in React Native, for example by expo-file-system. Without it, React Native's XMLHttpRequest
   * does: on Android from the disk, on iOS after loading the whole file into native memory.
   */
  sendFile?: SendFile;
  /** How failed requests are repeated, including those to S3. */
  retry?: RetryOptions;
  /** Called before each pause after which a request is repeated. */
  onRetry?: (retry: Retry) => void;
}

/** PUTs a file from the disk of a phone. It resolves with the answer of any status, and rejects without an answer. */
export type SendFile = (
  file: FileOnDisk,
  request: {
    url: string;
    headers: Record<string, string>;
    /** Call it with the bytes sent so far. */
    onSent: (bytes: number) => void;
    signal?: AbortSignal;
  },
) => Promise<{ status: number; body?: string }>;

/** The first parameter of every function of this package. */
export interface Connection extends ConnectionOptions {
  readonly fetch: typeof fetch;
  /** The speed of the uploads so far. */
  readonly pace: Pace;
}

/** A request to the API. */
export interface Call {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: object;
  signal?: AbortSignal;
}

/** API Gateway answers after 30 s at the latest, so a request without an answer by then is lost. */
const ANSWER_MS = 40_000;

/** The answer to a second request, whose only purpose is a better message, is worth this wait. */
const REACHABLE_MS = 5_000;

/** A token callback may fail for a moment, as on a flaky network. More failures mean that there is no token. */
const TOKEN_ATTEMPTS = 3;

/** Checks the options. It sends nothing. */
export function connect(options: ConnectionOptions): Connection {
  let url: string;
  try {
    url = new URL(options.url, globalThis.location?.href).href.replace(/\/+$/, "");
  } catch {
    throw new SlipwayError("invalid_request", `url must be an address, not "${options.url}".`);
  }
  const { fetch = (...args) => globalThis.fetch(...args) } = options;
  return { ...options, url, fetch, pace: new Pace() };
}

/** Sends a request, and repeats it where that can help. */
export async function call<T>(
  connection: Connection,
  path: string,
  { method = "GET", body, signal }: Call = {},
): Promise<{ data: T; status: number }> {
  let refused: string | undefined;
  let tokenFailures = 0;
  return retrying(
    connection,
    async () => {
      for (;;) {
        let token: string;
        try {
          token = await connection.token(refused);
        } catch (cause) {
          check(signal);
          if (cause instanceof SlipwayError) throw cause;
          const retryable = ++tokenFailures < TOKEN_ATTEMPTS;
          throw new SlipwayError("unauthenticated", `token() failed: ${cause}`, 0, { cause, retryable });
        }
        const headers = { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) };
        const init = { method, headers, body: body && JSON.stringify(body) };
        const { response, body: data } = await answered(connection, connection.url + path, init, signal);
        const { ok, status } = response;
        if (ok) return { data, status };
        // Once: the callback returns a fresh token, or has none.
        if (status !== 401 || refused !== undefined) throw errorOf(response, data);
        refused = token;
      }
    },
    signal,
  );
}

/** Deletes what `path` names. Succeeds as well if it is deleted already: an earlier answer may have been lost. */
export async function erase(connection: Connection, path: string, signal?: AbortSignal): Promise<void> {
  await call(connection, path, { method: "DELETE", signal }).catch(unlessOver);
}

/** Throws every error but the one that says that something is gone. */
export function unlessOver(error: unknown): undefined {
  if (!(error instanceof SlipwayError && (error.code === "not_found" || error.code === "file_deleted"))) throw error;
}

/** One request with its whole answer, or an error that says why there is none. */
async function answered(connection: Connection, url: string, init: RequestInit, signal?: AbortSignal) {
  const limit = deadline(ANSWER_MS, signal);
  try {
    const response = await connection.fetch(url, { ...init, signal: limit.signal });
    // An error answer may have no JSON. A success that has none was cut off.
    const body = await response.json().catch((cause) => {
      if (response.ok || limit.signal.aborted) throw cause;
    });
    return { response, body };
  } catch (cause) {
    check(signal);
    if (limit.signal.aborted) throw lost(cause, "The API did not answer.");
    throw await unanswered(connection, url, "The API", cause);
  } finally {
    limit.clear();
  }
}

/**
 * The error for a request that got no answer.
 *
 * Browsers report a missing CORS rule exactly as a lost connection. A second request whose answer the page cannot
 * read (`no-cors`) tells them apart: if that one is answered, the server is reachable, and only CORS is in the way.
 */
export async function unanswered(
  connection: Connection,
  url: string,
  server: string,
  cause?: unknown,
): Promise<SlipwayError> {
  const { location } = globalThis;
  // Not `new URL(url).origin`, which React Native 0.74 does not implement.
  if (location && !url.startsWith(`${location.origin}/`)) {
    const { signal, clear } = deadline(REACHABLE_MS);
    try {
      // Without the query, so that no signature is spent on it.
      await connection.fetch(url.replace(/\?.*/, ""), { mode: "no-cors", credentials: "omit", signal });
      const message = `${server} is reachable, but its CORS rule does not allow ${location.origin}.`;
      return new SlipwayError("cors", message, 0, { cause });
    } catch {
      // It is not reachable either.
    } finally {
      clear();
    }
  }
  return lost(cause, `${server} cannot be reached.`);
}

/** The error for a connection that was cut, or could not be made. */
export function lost(cause?: unknown, message = "The connection failed."): SlipwayError {
  return new SlipwayError("network", message, 0, { cause });
}
