/** The upload queue: waiting, running, finished and failed uploads. */
import { type Client, SlipwayError, type StoredFile } from "@slipway/client";
import { Rate } from "./rate.ts";

export type State = "waiting" | "sending" | "paused" | "failed" | "done";

export interface Item {
  key: number;
  file: File;
  name: string;
  state: State;
  sent: number;
  /** Bytes that an earlier attempt had stored. */
  resumed: number;
  problem?: string;
  /** Whether a retry may help. */
  hopeless?: boolean;
  /** The id of the upload, once it has one and can be resumed. */
  id?: string;
  stop?: AbortController;
}

/** Browsers open six connections to a host without HTTP/2: enough for six small files, or two large ones with three parts each. */
const CONNECTIONS = 6;
const PARALLEL = 3;
/** Larger files are sent in parts, so that a pause loses little. */
const PARTS_ABOVE = 32 * 1024 * 1024;

export class Uploads {
  readonly items: Item[] = [];
  readonly rate = new Rate();
  #next = 1;

  constructor(
    private readonly client: Client,
    private readonly changed: () => void,
    private readonly finished: (file: StoredFile) => void,
    private readonly failed: (item: Item) => void,
  ) {}

  /** Entries with an `id` continue that upload. */
  add(files: { file: File; name: string; id?: string }[]): void {
    if (!this.active) this.rate.reset();
    for (const each of files) {
      this.items.push({ ...each, key: this.#next++, state: "waiting", sent: 0, resumed: 0 });
    }
    this.#pump();
  }

  pause(item: Item): void {
    if (item.state !== "sending" && item.state !== "waiting") return;
    item.state = "paused";
    item.stop?.abort();
    this.#pump();
  }

  /** Resumes a paused upload, or retries a failed one. */
  resume(item: Item): void {
    if (item.state !== "paused" && item.state !== "failed") return;
    Object.assign(item, { state: "waiting", problem: undefined });
    this.#pump();
  }

  /** Removes an upload from the queue, and its parts from S3. */
  cancel(item: Item): void {
    item.stop?.abort();
    this.items.splice(this.items.indexOf(item), 1);
    // If this fails, the server aborts it after a week.
    if (item.id && item.state !== "done") void this.client.discard(item.id).catch(() => undefined);
    this.#pump();
  }

  pauseAll(): void {
    for (const item of this.items) this.pause(item);
  }

  resumeAll(): void {
    for (const item of this.items) if (!item.hopeless) this.resume(item);
  }

  /** Removes finished uploads. */
  clear(): void {
    const left = this.items.filter(({ state }) => state !== "done" && state !== "failed");
    this.items.splice(0, this.items.length, ...left);
    this.changed();
  }

  is(...states: State[]): Item[] {
    return this.items.filter(({ state }) => states.includes(state));
  }

  get active(): boolean {
    return this.items.some(({ state }) => state === "sending" || state === "waiting");
  }

  /** The bytes of all uploads that have not failed. */
  get total(): { sent: number; size: number } {
    const total = { sent: 0, size: 0 };
    for (const { state, sent, file } of this.items) {
      if (state === "failed") continue;
      total.sent += state === "done" ? file.size : sent;
      total.size += file.size;
    }
    return total;
  }

  #pump(): void {
    let free = this.is("sending").reduce((left, item) => left - connections(item), CONNECTIONS);
    for (const item of this.items) {
      if (free <= 0) break;
      if (item.state !== "waiting") continue;
      free -= connections(item);
      void this.#send(item);
    }
    this.changed();
  }

  async #send(item: Item): Promise<void> {
    const stop = new AbortController();
    Object.assign(item, { state: "sending", stop });
    try {
      const file = await this.client.upload(item.file, {
        fileName: item.name,
        signal: stop.signal,
        uploadId: item.id,
        partsAbove: PARTS_ABOVE,
        parallel: PARALLEL,
        onStart: ({ id, resumable }) => {
          item.id = resumable ? id : undefined;
        },
        onProgress: ({ sent, resumed }) => {
          if (stop.signal.aborted) return;
          Object.assign(item, { sent, resumed });
          this.#sample();
        },
      });
      Object.assign(item, { state: "done", sent: item.file.size });
      this.finished(file);
    } catch (error) {
      // It was paused or removed, and its state is set already.
      if (!stop.signal.aborted) {
        Object.assign(item, { state: "failed", ...explain(error) });
        this.failed(item);
      }
    }
    this.#pump();
  }

  #sample(): void {
    // Bytes of an earlier attempt do not count for the speed.
    const sent = this.items.reduce((sum, item) => sum + Math.max(item.sent - item.resumed, 0), 0);
    this.rate.sample(sent, performance.now());
    this.changed();
  }
}

function connections({ file, id }: Item): number {
  return id || file.size > PARTS_ABOVE ? PARALLEL : 1;
}

/** Errors that a retry cannot solve, so that no "Try again" is offered. */
const HOPELESS = new Set(["file_too_large", "type_not_allowed", "invalid_request", "file_changed"]);

function explain(error: unknown): { problem: string; hopeless: boolean } {
  if (!(error instanceof SlipwayError)) return { problem: String(error), hopeless: false };
  const problem = error.code === "network" ? "The connection was lost. Try again when it is back." : error.message;
  return { problem, hopeless: HOPELESS.has(error.code) };
}
