/** Talking to the API: the token, JSON, and answers that are errors. */
import { errorOf, SlipwayError } from "./errors.js";
import { type RetryOptions, retrying } from "./retry.js";

/** Where the API is and who is calling. */
export interface ConnectionOptions {
  /** The API's address, such as `https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com`. */
  url: string;
  /** Gives the caller's token before each request. `refused` is the one that was just answered by 401: get a fresh one. */
  token: (refused?: string) => string | Promise<string>;
  /** Another `fetch`, as for a test or a framework's own. */
  fetch?: typeof fetch;
  /** How failed requests are repeated, those to S3 included. */
  retry?: RetryOptions;
}

/** What every function of this package takes first. */
export interface Connection extends ConnectionOptions {
  readonly fetch: typeof fetch;
}

/** A request to the API. */
export interface Call {
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
}

/** Opens nothing yet: it only checks and completes what is given. */
export function connect(options: ConnectionOptions): Connection {
  const url = new URL(options.url).href.replace(/\/+$/, "");
  return { ...options, url, fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)) };
}

/** Makes a call, again where that may help. */
export async function call<T>(
  connection: Connection,
  path: string,
  { method = "GET", body, signal }: Call = {},
): Promise<{ data: T; status: number }> {
  let refused: string | undefined;
  return retrying(
    async () => {
      for (;;) {
        const token = await connection.token(refused);
        const response = await answered(connection, path, {
          method,
          signal,
          headers: {
            Authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          },
          body: body === undefined ? undefined : JSON.stringify(body),
        });
        if (response.ok) {
          const data = await response.json().catch((cause) => {
            throw lost(cause);
          });
          return { data: data as T, status: response.status };
        }
        const error = await errorOf(response);
        if (response.status !== 401 || token === refused) throw error;
        // Once more, and only if there is another token to try.
        const again = refused !== undefined;
        refused = token;
        if (again) throw error;
      }
    },
    { ...connection.retry, signal },
  );
}

async function answered(connection: Connection, path: string, init: RequestInit): Promise<Response> {
  try {
    return await connection.fetch(`${connection.url}${path}`, { ...init, cache: "no-store" });
  } catch (cause) {
    init.signal?.throwIfAborted();
    throw lost(cause);
  }
}

/** No answer, or half of one. */
export function lost(cause?: unknown): SlipwayError {
  return new SlipwayError("network", "The connection failed.", 0, { cause });
}
