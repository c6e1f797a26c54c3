/** Uploads a file: in one PUT, or in parts if it is large. */
import { type Connection, call } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { uploadInParts } from "./multipart.js";
import { plainName, plainType } from "./names.js";
import type { ResumeStore } from "./resume.js";
import type { components } from "./schema.js";
import { uploadAtOnce } from "./single.js";

/** The progress of an upload. */
export interface Progress {
  /** Bytes that were sent. It decreases when something has to be sent again. */
  sent: number;
  /** All bytes. It is 0 for an empty file. */
  total: number;
  /** Bytes that an earlier attempt had stored, and that were not sent again. */
  resumed: number;
}

/** A file on a phone's disk, which is sent in one PUT: by the connection's `sendFile`, or by React Native itself. */
export interface FileOnDisk {
  /** Such as `file:///…` or `content://…`. */
  uri: string;
  size: number;
  name?: string;
  type?: string;
}

/** What can be uploaded. */
export type Source = Blob | FileOnDisk;

/** How to upload. Everything is optional. */
export interface UploadOptions {
  /** The name to store. Default: the file's own. */
  fileName?: string;
  /** The media type. Default: the file's own. */
  contentType?: string;
  /** The rule of the deployment that applies to this file, such as `avatar`. */
  rule?: string;
  /** Data of the application, stored with the file: up to 16 entries, 640 bytes as JSON. */
  metadata?: Record<string, string>;
  onProgress?: (progress: Progress) => void;
  /** Called once the upload has an id, which becomes the id of the file. `resumable` is true for uploads in parts. */
  onStart?: (upload: { id: string; resumable: boolean }) => void;
  /** Aborts the upload. Parts that are stored stay: the same call continues from them, after a reload as well. */
  signal?: AbortSignal;
  /** Files with more bytes are sent in parts and can be resumed. Default: 100 MiB. */
  partsAbove?: number;
  /** Continues this upload, one of `unfinished()`, instead of the one that is remembered for the file. Name and size must be equal. */
  uploadId?: string;
  /** The length of a part. Default: 5 to 16 MiB, by the speed of the connection. */
  partSize?: number;
  /** The most parts that are sent at once. Default: 4; fewer on a slow connection. */
  parallel?: number;
  /** Where to remember unfinished uploads. Default: `localStorage`; `false`: nowhere. */
  resume?: ResumeStore | false;
  /**
   * Whether S3's bytes are compared with the file's: by SHA-256, or by CRC-64/NVME for files over 8 MiB. Default: yes,
   * except for an upload in parts that continues with more than 1 GiB, all of which would have to be read again.
   */
  checksum?: boolean;
}

/** A signed PUT. */
export type Signed = components["schemas"]["PresignOneResponse"];

/** What the API wants to know of a file. */
export type Intent = Omit<components["schemas"]["UploadIntent"], "size"> & {
  size: number;
  rule?: string;
  metadata?: Record<string, string>;
};

/** Steps of an upload that a queue does for many files at once. */
export interface Steps {
  presign(intent: Intent, signal?: AbortSignal): Promise<Signed>;
  confirm(objectKey: string, signal?: AbortSignal): Promise<StoredFile>;
  /** Runs `send` once there is a free connection to S3. */
  turn<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** What single and multipart uploads share. */
export interface Job {
  connection: Connection;
  file: Source;
  intent: Intent;
  options: UploadOptions;
  steps: Steps;
}

const PARTS_ABOVE = 100 * 1024 * 1024;

/** The most that S3 accepts in one PUT. */
const LARGEST_PUT = 5 * 1024 ** 3;

/** Uploads a file, and resolves once it is in the list. */
export function upload(connection: Connection, file: Source, options: UploadOptions = {}): Promise<StoredFile> {
  return uploadBy(connection, file, options, {
    presign: (intent, signal) => post<Signed>(connection, "/presign-upload", intent, signal),
    confirm: async (objectKey, signal) =>
      (await post<{ file: StoredFile }>(connection, "/save-metadata", { objectKey }, signal)).file,
    turn: (send) => send(),
  });
}

/** Uploads with the given steps. */
export async function uploadBy(
  connection: Connection,
  given: Source,
  options: UploadOptions,
  steps: Steps,
): Promise<StoredFile> {
  const { uri, size, name, type, slice } = (given ?? {}) as Partial<File & FileOnDisk>;
  if (typeof size !== "number" || !(slice || uri)) {
    throw new SlipwayError("invalid_request", "Pass a Blob: in Node.js, fs.openAsBlob(path).");
  }
  const { rule, metadata, uploadId } = options;
  const intent: Intent = {
    fileName: plainName(options.fileName ?? name ?? ""),
    contentType: options.contentType || plainType(type),
    size,
    rule,
    metadata,
  };
  // The `File` of expo-file-system has a `uri` and the methods of a Blob, each of which reads the whole file.
  const file = uri ? { uri, size, name, type } : given;
  const job = { connection, file, intent, options, steps };
  const above = Math.min(options.partsAbove ?? PARTS_ABOVE, LARGEST_PUT);
  return !uri && (uploadId || size > above) ? uploadInParts(job as Job & { file: Blob }) : uploadAtOnce(job);
}

/** POSTs to the API. */
export async function post<T>(connection: Connection, path: string, body: object, signal?: AbortSignal): Promise<T> {
  return (await call<T>(connection, path, { method: "POST", body, signal })).data;
}
