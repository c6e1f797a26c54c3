/** Shared by the client's tests: a user of the real stack, and a network that fails on demand. */
import { inject } from "vitest";
import { tokenFor } from "../../testing/stack.ts";
import { type ConnectionOptions, createClient } from "../src/index.ts";

let users = 0;

/** Creates a new user. */
export async function someone(options: Partial<ConnectionOptions> = {}) {
  const user = `client-${process.pid}-${Date.now()}-${users++}`;
  const stack = inject("stack");
  const token = await tokenFor(stack, user);
  const net = new Net();
  const client = createClient({
    url: stack.api,
    token: () => token,
    fetch: net.fetch,
    // Short pauses, so that tests do not wait.
    retry: { firstPauseMs: 5, longestPauseMs: 20 },
    ...options,
  });
  return { client, net, token, user };
}

/** A request that was sent. */
export interface Sent {
  method: string;
  url: string;
  path: string;
  bytes: number;
  /** The JSON of a request to the API. */
  json?: Record<string, unknown>;
  status?: number;
}

type Fault = (sent: Sent, pass: (url?: string) => Promise<Response>) => Promise<Response> | undefined;

/** Records every request, and lets a test intercept it. */
export class Net {
  readonly log: Sent[] = [];
  /** Returns undefined for requests that it does not intercept. */
  fault: Fault = () => undefined;

  readonly fetch: typeof fetch = async (input, init) => {
    const url = String(input);
    const { pathname } = new URL(url);
    const body = init?.body;
    const bytes = body instanceof Blob ? body.size : String(body ?? "").length;
    const json = typeof body === "string" ? JSON.parse(body) : undefined;
    const sent: Sent = { method: init?.method ?? "GET", url, path: pathname, bytes, json };
    this.log.push(sent);
    const pass = (other = url) => fetch(other, init);
    const response = await (this.fault(sent, pass) ?? pass());
    sent.status = response.status;
    return response;
  };

  /** The PUTs that S3 has accepted. */
  get taken(): Sent[] {
    return this.log.filter(({ method, status }) => method === "PUT" && status === 200);
  }

  /** The requests with a method and a path. */
  calls(method: string, path: string | RegExp): Sent[] {
    return this.log.filter((sent) => sent.method === method && sent.path.match(path));
  }
}

/** The rejection of `fetch` when the network fails. */
export function cut(): Promise<never> {
  return Promise.reject(new TypeError("fetch failed"));
}

/** A store like `localStorage`. */
export class Memory {
  readonly entries = new Map<string, string>();
  getItem = (key: string) => this.entries.get(key) ?? null;
  setItem = (key: string, value: string) => void this.entries.set(key, value);
  removeItem = (key: string) => void this.entries.delete(key);
}

/** Bytes in which no two parts are equal. */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer, 0, size);
}

/** Collects an iterator; newer runtimes have `Array.fromAsync`. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
