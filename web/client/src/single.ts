/** A file in one PUT: presign, send, record. */
import { call } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { retrying } from "./retry.js";
import type { components } from "./schema.js";
import { put } from "./send.js";
import type { Job } from "./upload.js";

type Schemas = components["schemas"];

/** Hashing needs the whole file in memory. */
const HASHED_UP_TO = 64 * 1024 * 1024;

/** How often a URL that is refused is replaced by a fresh one. */
export const FRESH_URLS = 3;

const FORBIDDEN = 403;
const THERE_ALREADY = 412;

/** Uploads in one PUT. */
export async function uploadAtOnce(job: Job): Promise<StoredFile> {
  const { connection, file, options } = job;
  const { signal } = options;
  const intent: Schemas["UploadIntent"] = {
    fileName: job.fileName,
    contentType: job.contentType,
    size: file.size,
    ...(await checksum(job)),
  };
  for (let refused = 0; ; refused++) {
    const body = intent;
    const presign = call<Schemas["PresignOneResponse"]>(connection, "/presign-upload", {
      method: "POST",
      body,
      signal,
    });
    const { id, objectKey, presignedUrl: url, headers } = (await presign).data;
    options.onStart?.({ id, resumable: false });
    const report = (sent: number) => options.onProgress?.({ sent, total: file.size, resumed: 0 });
    report(0);
    const sending = { url, headers: { ...headers } as Record<string, string>, body: file, signal, onSent: report };
    const known = refused < FRESH_URLS ? [FORBIDDEN, THERE_ALREADY] : [THERE_ALREADY];
    const status = await retrying(() => put(connection, sending, known), { ...connection.retry, signal });
    // It has expired, most likely: a URL is for now, and a laptop sleeps.
    if (status === FORBIDDEN) continue;
    report(file.size);
    return record(job, objectKey);
  }
}

async function record({ connection, options: { signal } }: Job, objectKey: string): Promise<StoredFile> {
  const recording = async () => {
    const body = { objectKey };
    const saving = call<Schemas["FileResponse"]>(connection, "/save-metadata", { method: "POST", body, signal });
    return (await saving).data.file;
  };
  return retrying(() => recording().catch(notYet), { ...connection.retry, signal });
}

/** S3 has answered the PUT, so that the object will be seen. */
function notYet(error: unknown): never {
  if (error instanceof SlipwayError) {
    const { code, message, status, details } = error;
    throw new SlipwayError(code, message, status, { ...details, retryable: code === "upload_not_found" });
  }
  throw error;
}

async function checksum({ file, options }: Job): Promise<{ checksumSha256?: string }> {
  // Only on secure pages, which those of other schemes than https mostly are not.
  const subtle = globalThis.crypto?.subtle;
  const wanted = options.checksum ?? file.size <= HASHED_UP_TO;
  if (!wanted || !subtle) return {};
  const bytes = await file.arrayBuffer().catch((cause) => {
    throw new SlipwayError("file_changed", "The file cannot be read. Choose it again.", 0, { cause });
  });
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  options.signal?.throwIfAborted();
  return { checksumSha256: btoa(String.fromCharCode(...digest)) };
}
