/**
 * A queue of uploads without a user interface.
 *
 * A small file takes three requests: presign, PUT, confirm. The queue presigns and confirms many files together, and
 * only PUTs take one of its slots, so that connections to S3 never wait for the API. Files ahead of their PUT are
 * bounded in number and bytes, because a signed URL is valid for minutes.
 */
import { Batch } from "./batch.js";
import type { Connection } from "./connection.js";
import { SlipwayError } from "./errors.js";
import { remove, type StoredFile } from "./files.js";
import type { Client } from "./index.js";
import { confirmMany, presignMany } from "./many.js";
import { discard } from "./multipart.js";
import { notify } from "./notify.js";
import type { QueuedUpload, QueueEvents, QueueSnapshot, Totals } from "./queued.js";
import { Rate } from "./rate.js";
import type { Retry } from "./retry.js";
import { Slots } from "./slots.js";
import { type FileOnDisk, type Intent, type Signed, type Source, type UploadOptions, uploadBy } from "./upload.js";

export type { QueuedUpload, QueueEvents, QueueSnapshot, Totals, UploadState } from "./queued.js";

/** What one upload may have of its own. */
export type AddOptions = Pick<
  UploadOptions,
  "contentType" | "rule" | "metadata" | "uploadId" | "checksum" | "partSize" | "resume"
> & { name?: string };

/** How to upload. */
export interface QueueOptions extends Omit<AddOptions, "name" | "uploadId"> {
  /** How many PUTs run at once. Default: 6, as many connections as a browser opens to a host without HTTP/2. */
  concurrency?: number;
  /** Larger files are sent in parts, so that a pause loses little. Default: 32 MiB. */
  partsAbove?: number;
}

/** What can be added: a file, or a file with options of its own. */
export type Addable = Source | (AddOptions & { file: Source });

const MIB = 1024 * 1024;
const CONCURRENCY = 6;
/** Parts of one file that are sent at once. */
const PARALLEL = 3;
/** How far small files are prepared ahead of their PUT. At 1 Mbit/s, 16 MiB take two minutes. */
const AHEAD_FILES = 100;
const AHEAD_BYTES = 16 * MIB;
/** How long a file waits for others, unless it is known that none comes. */
const PRESIGN_MS = 20;
const CONFIRM_MS = 300;
const CHANGE_MS = 50;

/** Errors that a retry does not change. */
const FINAL = new Set(["file_changed", "file_too_large", "invalid_request", "type_not_allowed"]);

interface Task {
  upload: QueuedUpload;
  options: AddOptions;
  /** Set while it runs, from before it is presigned. */
  run?: Promise<void>;
  stop?: AbortController;
  /** Whether its URL was requested. */
  presigned?: boolean;
  /** S3 has all bytes: it cannot be paused any more. */
  confirming?: boolean;
}

/** Uploads many files. */
export class UploadQueue {
  readonly #connection: Connection;
  readonly #options: QueueOptions;
  readonly #concurrency: number;
  readonly #listeners: { [E in keyof QueueEvents]: Set<(value: QueueEvents[E]) => void> } = {
    change: new Set(),
    done: new Set(),
    failed: new Set(),
    idle: new Set(),
  };
  readonly #puts: Slots;
  readonly #presigns: Batch<Intent, Signed>;
  readonly #confirms: Batch<string, StoredFile>;
  readonly #rate = new Rate();
  #tasks: Task[] = [];
  #next = 1;
  #snapshot: QueueSnapshot | undefined;
  #isAnnounced = false;
  #isIdle = true;
  #trouble: Retry | undefined;
  /** Bytes that were sent by this queue. It decreases when something is sent again. */
  #sent = 0;
  readonly #running = new Set<Task>();

  constructor(client: Client | Connection, options: QueueOptions = {}) {
    const connection = "connection" in client ? client.connection : client;
    const onRetry = (retry: Retry) => {
      this.#trouble = retry;
      this.#changed();
      connection.onRetry?.(retry);
    };
    this.#connection = { ...connection, onRetry };
    this.#options = options;
    this.#concurrency = Math.max(1, Math.floor(options.concurrency ?? CONCURRENCY) || 1);
    this.#puts = new Slots(this.#concurrency);
    this.#presigns = new Batch((intents) => presignMany(this.#connection, intents), PRESIGN_MS);
    this.#confirms = new Batch((keys) => confirmMany(this.#connection, keys), CONFIRM_MS);
  }

  /** Adds files, and begins at once. */
  add(files: Iterable<Addable> | ArrayLike<Addable>): QueuedUpload[] {
    if (this.#isIdle) this.#rate.reset();
    const added = Array.from(files as ArrayLike<Addable>, (entry): Task => {
      const { file, ...options } = "file" in entry ? entry : { file: entry };
      const own = file as Partial<File & FileOnDisk>;
      const name = options.name ?? (own.webkitRelativePath || own.name || "file");
      const upload = { key: this.#next++, file, name, size: file.size, state: "waiting", sent: 0, resumed: 0 } as const;
      return { upload: { ...upload, uploadId: options.uploadId }, options };
    });
    this.#tasks.push(...added);
    this.#pump();
    return added.map(({ upload }) => upload);
  }

  /** Pauses one upload, or all. Parts that S3 has stay there. */
  pause(key?: number): void {
    for (const task of this.#chosen(key)) {
      const { state } = task.upload;
      if ((state !== "waiting" && state !== "uploading") || task.confirming) continue;
      this.#set(task, { state: "paused", trouble: undefined });
      task.stop?.abort();
    }
    this.#pump();
  }

  /** Continues one paused upload, or all. */
  resume(key?: number): void {
    this.#again(key, (upload) => upload.state === "paused");
  }

  /** Tries one failed upload again, or all for which that may help. */
  retry(key?: number): void {
    this.#again(key, ({ state, retryable }) => state === "failed" && (key !== undefined || retryable === true));
  }

  /** Removes one upload, or all, from the queue, and what S3 has of it. What is done stays stored. */
  cancel(key?: number): void {
    for (const task of this.#chosen(key)) {
      this.#tasks.splice(this.#tasks.indexOf(task), 1);
      task.stop?.abort();
      const gone = () => {
        const { uploadId } = task.upload;
        return uploadId === undefined ? undefined : discard(this.#connection, uploadId);
      };
      // If this fails, the server aborts the upload after a week.
      void Promise.resolve(task.run)
        .then(gone)
        .catch(() => undefined);
    }
    this.#pump();
  }

  /** Removes uploads that are done or have failed from the queue. */
  clear(): void {
    this.#tasks = this.#tasks.filter(({ upload: { state } }) => state !== "done" && state !== "failed");
    this.#changed();
  }

  /** The uploads and their totals. */
  get snapshot(): QueueSnapshot {
    this.#snapshot ??= this.#measure();
    return this.#snapshot;
  }

  /** Resolves once nothing waits or is sent any more. */
  idle(): Promise<Totals> {
    if (this.#isIdle) return Promise.resolve(this.snapshot.totals);
    return new Promise((resolve) => {
      const off = this.on("idle", (totals) => {
        off();
        resolve(totals);
      });
    });
  }

  /** Calls `listener` at each event, until the returned function is called. */
  on<E extends keyof QueueEvents>(event: E, listener: (value: QueueEvents[E]) => void): () => void {
    const listeners = this.#listeners[event];
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  #chosen(key?: number): Task[] {
    return this.#tasks.filter(({ upload }) => key === undefined || upload.key === key);
  }

  #again(key: number | undefined, fits: (upload: QueuedUpload) => boolean): void {
    for (const task of this.#chosen(key)) {
      if (fits(task.upload)) this.#set(task, { state: "waiting", error: undefined, retryable: undefined });
    }
    this.#pump();
  }

  #isLarge({ upload: { file, size, uploadId } }: Task): boolean {
    return !("uri" in file) && (uploadId !== undefined || size > (this.#options.partsAbove ?? 32 * MIB));
  }

  /** Starts as many as fit. A small file may overtake a large one that has to wait. */
  #pump(): void {
    let [large, small, bytes] = [0, 0, 0];
    const count = (task: Task) => {
      if (this.#isLarge(task)) large += PARALLEL;
      else if (!task.confirming) {
        small++;
        bytes += task.upload.size;
      }
    };
    this.#running.forEach(count);
    let left = false;
    for (const task of this.#tasks) {
      if (task.upload.state !== "waiting") continue;
      left = true;
      if (small >= AHEAD_FILES && large >= this.#concurrency) break;
      const isAhead = small < AHEAD_FILES && bytes + task.upload.size <= AHEAD_BYTES;
      const isFull = this.#isLarge(task) ? large >= this.#concurrency : small >= this.#concurrency && !isAhead;
      // One that was paused a moment ago may still be ending.
      if (isFull || task.run) continue;
      count(task);
      this.#running.add(task);
      task.run = this.#run(task).finally(() => {
        this.#running.delete(task);
        task.run = task.stop = undefined;
        this.#pump();
      });
    }
    this.#changed();
    const wasIdle = this.#isIdle;
    this.#isIdle = !left && this.#running.size === 0;
    if (!this.#isIdle) return;
    this.#trouble = undefined;
    if (!wasIdle) this.#emit("idle", this.snapshot.totals);
  }

  async #run(task: Task): Promise<void> {
    const stop = new AbortController();
    const { signal } = stop;
    Object.assign(task, { stop, presigned: false, confirming: false });
    const { name, file, uploadId } = task.upload;
    const onRetry = (trouble: Retry) => {
      if (!signal.aborted) this.#set(task, { trouble });
      this.#connection.onRetry?.(trouble);
    };
    try {
      const stored = await uploadBy(
        { ...this.#connection, onRetry },
        file,
        {
          partsAbove: 32 * MIB,
          ...this.#options,
          ...task.options,
          fileName: name,
          uploadId,
          parallel: Math.min(PARALLEL, this.#concurrency),
          signal,
          onStart: ({ id, resumable }) => resumable && this.#set(task, { uploadId: id }),
          onProgress: ({ sent, resumed }) => {
            if (signal.aborted) return;
            const before = task.upload;
            this.#sent += sent - resumed - Math.max(before.sent - before.resumed, 0);
            const trouble = sent > before.sent ? undefined : before.trouble;
            this.#trouble &&= trouble;
            this.#set(task, { sent, resumed, trouble });
            this.#rate.sample(this.#sent, Date.now());
          },
        },
        {
          presign: (intent) => this.#presign(task, intent),
          confirm: (objectKey) => this.#confirm(task, objectKey),
          turn: (send) => {
            const begin = () => {
              if (task.upload.state === "waiting") this.#set(task, { state: "uploading" });
              return send();
            };
            return this.#puts.run(begin, signal);
          },
        },
      );
      // It was cancelled when S3 had it already.
      if (!this.#tasks.includes(task)) return await remove(this.#connection, stored.id).catch(() => undefined);
      this.#trouble = undefined;
      this.#set(task, { state: "done", sent: task.upload.size, stored, uploadId: undefined, trouble: undefined });
      this.#emit("done", task.upload);
    } catch (error) {
      // It was paused or removed, and its state is set already.
      if (signal.aborted) return;
      const retryable = !(error instanceof SlipwayError && FINAL.has(error.code));
      this.#set(task, { state: "failed", error: error as Error, retryable, trouble: undefined });
      this.#emit("failed", task.upload);
    }
  }

  #presign(task: Task, intent: Intent): Promise<Signed> {
    const signed = this.#presigns.add(intent);
    task.presigned = true;
    // Without this, a single file would wait for others that do not come.
    const others = [...this.#running].some((other) => !other.presigned && !this.#isLarge(other));
    if (!others) this.#presigns.flush();
    return signed;
  }

  #confirm(task: Task, objectKey: string): Promise<StoredFile> {
    task.confirming = true;
    const confirmed = this.#confirms.add(objectKey);
    if (this.#puts.running === 0) this.#confirms.flush();
    // There is room for another one.
    this.#pump();
    return confirmed;
  }

  #set(task: Task, change: Partial<QueuedUpload>): void {
    task.upload = { ...task.upload, ...change };
    this.#changed();
  }

  #measure(): QueueSnapshot {
    const uploads = this.#tasks.map(({ upload }) => upload);
    const totals = { waiting: 0, uploading: 0, paused: 0, failed: 0, done: 0, size: 0, sent: 0, speed: 0 };
    for (const { state, sent, size } of uploads) {
      totals[state]++;
      if (state === "failed") continue;
      totals.size += size;
      totals.sent += sent;
    }
    return { uploads, totals: { ...totals, speed: this.#rate.perSecond }, trouble: this.#trouble };
  }

  #changed(): void {
    this.#snapshot = undefined;
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    setTimeout(() => {
      this.#isAnnounced = false;
      this.#emit("change", this.snapshot);
    }, CHANGE_MS);
  }

  #emit<E extends keyof QueueEvents>(event: E, value: QueueEvents[E]): void {
    for (const listener of this.#listeners[event]) notify(listener, value);
  }
}
