/** Uploads a file in one PUT: presign, send, record. */
import { check } from "./abort.js";
import { call } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { progressOf, startedWith } from "./notify.js";
import { retrying } from "./retry.js";
import type { components } from "./schema.js";
import { put } from "./send.js";
import { type Job, kindOf } from "./upload.js";

type Schemas = components["schemas"];

/** Hashing needs the whole file in memory. */
const HASHED_UP_TO = 64 * 1024 * 1024;

/** How often a URL that S3 refuses is replaced by a fresh one. */
export const FRESH_URLS = 3;

const FORBIDDEN = 403;
const EXISTS = 412;

/** Uploads in one PUT. */
export async function uploadAtOnce(job: Job): Promise<StoredFile> {
  const { connection, file, options } = job;
  const { signal } = options;
  const body: Schemas["UploadIntent"] = {
    fileName: job.fileName,
    contentType: job.contentType,
    size: file.size,
    ...kindOf(options),
    ...(await checksum(job)),
  };
  for (let refused = 0; ; refused++) {
    const presign = call<Schemas["PresignOneResponse"]>(connection, "/presign-upload", {
      method: "POST",
      body,
      signal,
    });
    const { id, objectKey, presignedUrl: url, headers } = (await presign).data;
    startedWith(options, { id, resumable: false });
    const report = (sent: number) => progressOf(options, { sent, total: file.size, resumed: 0 });
    report(0);
    const sending = { url, headers: { ...headers } as Record<string, string>, body: file, signal, onSent: report };
    const known = refused < FRESH_URLS ? [FORBIDDEN, EXISTS] : [EXISTS];
    const status = await retrying(() => put(connection, sending, known), { ...connection.retry, signal });
    // The URL has most likely expired: it is valid for minutes, and a laptop may have slept.
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

/** S3 has answered the PUT, so "there is no upload yet" is retryable here. `call` has repeated everything else. */
function notYet(error: unknown): never {
  if (error instanceof SlipwayError) {
    const { code, message, status, details } = error;
    throw new SlipwayError(code, message, status, { ...details, retryable: code === "upload_not_found" });
  }
  throw error;
}

async function checksum({ file, options }: Job): Promise<{ checksumSha256?: string }> {
  // Browsers offer it on secure pages only, React Native not at all.
  const subtle = globalThis.crypto?.subtle;
  const wanted = options.checksum ?? file.size <= HASHED_UP_TO;
  if (!wanted || !subtle || typeof file.arrayBuffer !== "function") return {};
  const bytes = await file.arrayBuffer().catch((cause) => {
    throw new SlipwayError("file_changed", "The file cannot be read. Choose it again.", 0, { cause });
  });
  // Firefox resolves with fewer bytes where other browsers reject.
  if (bytes.byteLength !== file.size) {
    throw new SlipwayError("file_changed", "The file has changed on the disk. Choose it again.");
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  check(options.signal);
  return { checksumSha256: btoa(String.fromCharCode(...digest)) };
}
