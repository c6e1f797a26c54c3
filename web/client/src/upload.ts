/** Uploads a file: in one PUT, or in parts if it is large. */
import type { Connection } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { uploadInParts } from "./multipart.js";
import { plainName, plainType } from "./names.js";
import type { ResumeStore } from "./resume.js";
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

/** How to upload. Everything is optional. */
export interface UploadOptions {
  /** The name to store. Default: the file's own. */
  fileName?: string;
  /** The media type. Default: the file's own. */
  contentType?: string;
  /** The kind of upload, one of the deployment's rules. Default: its `default`. */
  rule?: string;
  /** Fields of the application, which are stored with the file: at most 640 bytes as JSON. */
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
  /** Whether S3 verifies a SHA-256 of the file. Default: for files up to 64 MiB that are sent in one PUT. */
  checksum?: boolean;
}

/** What single and multipart uploads share. */
export interface Job {
  connection: Connection;
  file: Blob;
  fileName: string;
  contentType: string;
  options: UploadOptions;
}

/** What the request for an upload says of its kind. */
export const kindOf = ({ rule, metadata }: UploadOptions) => ({ ...(rule && { rule }), ...(metadata && { metadata }) });

const PARTS_ABOVE = 100 * 1024 * 1024;

/** The most that S3 accepts in one PUT. */
const LARGEST_PUT = 5 * 1024 ** 3;

/** Uploads a file, and resolves once it is in the list. */
export async function upload(connection: Connection, file: Blob, options: UploadOptions = {}): Promise<StoredFile> {
  if (typeof (file as Partial<Blob> | undefined)?.slice !== "function" || typeof file.size !== "number") {
    const hint = "In Node.js, `fs.openAsBlob(path)` makes one of a file on the disk.";
    throw new SlipwayError("invalid_request", `upload() needs a File or a Blob. ${hint}`);
  }
  const own = file as Partial<File>;
  const fileName = plainName(options.fileName ?? own.name ?? "file");
  const contentType = options.contentType || plainType(file.type);
  const job = { connection, file, fileName, contentType, options };
  const above = Math.min(options.partsAbove ?? PARTS_ABOVE, LARGEST_PUT);
  return options.uploadId || file.size > above ? uploadInParts(job) : uploadAtOnce(job);
}
