/** Uploading a file: in one PUT, or in parts where it is large. */
import type { Connection } from "./connection.js";
import type { StoredFile } from "./files.js";
import { uploadInParts } from "./multipart.js";
import { plainName, plainType } from "./names.js";
import type { ResumeStore } from "./resume.js";
import { uploadAtOnce } from "./single.js";

/** How far an upload is. */
export interface Progress {
  /** Bytes that are on their way or there. It falls back when something has to be sent again. */
  sent: number;
  /** All bytes. */
  total: number;
  /** Bytes that an earlier try had brought there, and that were not sent again. */
  resumed: number;
}

/** How to upload; everything may be left out. */
export interface UploadOptions {
  /** The name to keep; the file's own without it. */
  fileName?: string;
  /** The media type; the file's own without it. */
  contentType?: string;
  onProgress?: (progress: Progress) => void;
  /** Told once the upload has an id, which will be the file's. `resumable` is true for parts. */
  onStart?: (upload: { id: string; resumable: boolean }) => void;
  /** Ends it. Parts that are there stay: the same call goes on from them, after a reload as well. */
  signal?: AbortSignal;
  /** Files with more bytes go in parts, and can be resumed; 100 MiB without it. */
  partsAbove?: number;
  /** Goes on with this upload, one of `unfinished()`, instead of the one that is remembered for the file. Name and size must be the same. */
  uploadId?: string;
  /** How long a part should be; the server chooses without it. */
  partSize?: number;
  /** How many parts are sent at once; 4 without it. */
  parallel?: number;
  /** Where to remember unfinished uploads; `localStorage` without it, and nowhere with `false`. */
  resume?: ResumeStore | false;
  /** Whether S3 checks a SHA-256 of the file; without it up to 64 MiB in one PUT, where hashing is quick. */
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

const PARTS_ABOVE = 100 * 1024 * 1024;

/** The most that S3 takes in one PUT. */
const LARGEST_PUT = 5 * 1024 ** 3;

/** Uploads a file, and resolves once it is in the list. */
export async function upload(connection: Connection, file: Blob, options: UploadOptions = {}): Promise<StoredFile> {
  const own = file as Partial<File>;
  const fileName = plainName(options.fileName ?? own.name ?? "file");
  const contentType = options.contentType || plainType(file.type);
  const job = { connection, file, fileName, contentType, options };
  const above = Math.min(options.partsAbove ?? PARTS_ABOVE, LARGEST_PUT);
  return options.uploadId || file.size > above ? uploadInParts(job) : uploadAtOnce(job);
}
