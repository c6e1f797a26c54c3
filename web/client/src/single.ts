/** Uploads a file in one PUT: presign, send, record. */
import { check } from "./abort.js";
import { call } from "./connection.js";
import { crcOf } from "./crc.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { withMemory } from "./memory.js";
import { notify } from "./notify.js";
import { retrying } from "./retry.js";
import { isReadable, put } from "./send.js";
import type { Job } from "./upload.js";

/**
 * SHA-256 is part of what is signed, so that it costs its time before anything is sent, and the whole file in memory.
 * Larger files have a CRC instead, which is computed while they are sent.
 */
const HASHED_UP_TO = 8 * 1024 * 1024;

/** How often a URL that S3 refuses is replaced by a fresh one. */
export const FRESH_URLS = 3;

const FORBIDDEN = 403;
const EXISTS = 412;

/** Uploads in one PUT. */
export async function uploadAtOnce(job: Job): Promise<StoredFile> {
  const { connection, file, options, steps } = job;
  const { signal } = options;
  const { size } = file;
  // Firefox would wait without end for a file that has grown. A slice ends where the file ended.
  const body = "slice" in file ? file.slice(0, size) : file;
  const intent = { ...job.intent, checksumSha256: await sha256(job) };
  const crc = size > HASHED_UP_TO && options.checksum !== false ? crcOf(body as Blob) : undefined;
  for (let refused = 0; ; refused++) {
    const { id, objectKey, presignedUrl: url, headers } = await steps.presign(intent, signal);
    notify(options.onStart, { id, resumable: false });
    const report = (sent: number) => notify(options.onProgress, { sent, total: size, resumed: 0 });
    report(0);
    const sending = { url, headers: { ...headers } as Record<string, string>, body, signal, onSent: report };
    const known = refused < FRESH_URLS ? [FORBIDDEN, EXISTS] : [EXISTS];
    const send = () => {
      crc?.readTo(size);
      return put(connection, sending, known);
    };
    const status = await retrying(connection, () => steps.turn(send, signal), signal);
    // The URL has most likely expired: it is valid for minutes, and a laptop may have slept.
    if (status === FORBIDDEN) continue;
    report(size);
    const stored = await retrying(connection, () => steps.confirm(objectKey, signal), signal, notYet);
    const there = (stored as { checksumCrc64nvme?: string | null }).checksumCrc64nvme;
    const here = there && (await crc?.value());
    if (!here || here === there) return stored;
    await call(connection, `/files/${id}`, { method: "DELETE" }).catch(() => undefined);
    throw new SlipwayError("checksum_mismatch", "S3 has stored other bytes than the file has. Upload it again.");
  }
}

/** S3 has answered the PUT, so "there is no upload yet" may change. `call` has repeated everything else. */
const notYet = ({ code, details }: SlipwayError) => code === "upload_not_found" || details.retryable === true;

async function sha256({ file, options }: Job): Promise<string | undefined> {
  // Browsers offer it on secure pages only, React Native not at all.
  const subtle = globalThis.crypto?.subtle;
  if (options.checksum === false || file.size > HASHED_UP_TO || !subtle || !isReadable(file)) return undefined;
  return withMemory(file.size, async () => {
    const bytes = await file.arrayBuffer().catch((cause) => {
      throw new SlipwayError("file_changed", "The file cannot be read. Choose it again.", 0, { cause });
    });
    // Firefox resolves with fewer bytes where other browsers reject.
    if (bytes.byteLength !== file.size) {
      throw new SlipwayError("file_changed", "The file has changed on the disk. Choose it again.");
    }
    const digest = await subtle.digest("SHA-256", bytes);
    check(options.signal);
    return btoa(String.fromCharCode(...new Uint8Array(digest)));
  });
}
