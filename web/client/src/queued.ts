/** What a queue tells of its uploads. */
import type { StoredFile } from "./files.js";
import type { Retry } from "./retry.js";
import type { Source } from "./upload.js";

export type UploadState = "waiting" | "uploading" | "paused" | "failed" | "done";

/** An upload, as it is at the moment. Each change makes a new object. */
export interface QueuedUpload {
  /** Its name in `pause`, `resume`, `cancel` and `retry`. */
  readonly key: number;
  readonly file: Source;
  /** The name that is stored. */
  readonly name: string;
  readonly size: number;
  readonly state: UploadState;
  /** Bytes that were sent. */
  readonly sent: number;
  /** Bytes of these that an earlier attempt had stored. */
  readonly resumed: number;
  /** The id of the unfinished upload, while there is one that can be continued. */
  readonly uploadId?: string;
  /** What it waits for, while a failed request is repeated. */
  readonly trouble?: Retry;
  /** Why it failed. */
  readonly error?: Error;
  /** Whether a retry of a failed upload may help. */
  readonly retryable?: boolean;
  /** The file in the list, once it is done. */
  readonly stored?: StoredFile;
}

/** All uploads together. */
export interface Totals {
  readonly waiting: number;
  readonly uploading: number;
  readonly paused: number;
  readonly failed: number;
  readonly done: number;
  /** Bytes of all uploads that have not failed, and how many of them were sent. */
  readonly size: number;
  readonly sent: number;
  /** Bytes per second over the last seconds; 0 until it is known. */
  readonly speed: number;
}

/** The state of the queue. It stays the same object until something changes. */
export interface QueueSnapshot {
  readonly uploads: readonly QueuedUpload[];
  readonly totals: Totals;
  /** The last request of any upload that failed and is repeated, until bytes are sent again. */
  readonly trouble?: Retry;
}

/** What listeners get. */
export interface QueueEvents {
  /** Something has changed: at most every 50 ms. */
  change: QueueSnapshot;
  done: QueuedUpload;
  failed: QueuedUpload;
  /** Nothing waits or is sent any more. */
  idle: Totals;
}
