/** Uploads a file in one PUT: presign, send, record. */
import { check } from "./abort.js";
import { erase } from "./connection.js";
import { crcOf } from "./crc.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { withMemory } from "./memory.js";
import { notify } from "./notify.js";
import { retrying } from "./retry.js";
import { bytesOf, isReadable, put } from "./send.js";
import type { Job, Source } from "./upload.js";

/**
 * SHA-256 is part of what is signed, so that it costs its time before anything is sent, and the whole file in memory.
 * Larger files have a CRC instead, which is computed while they are sent.
 */
const HASHED_UP_TO = 8 * 1024 * 1024;

/** So much of a larger file is read while its URL is requested. The rest is read when it is sent, from the disk's cache. */
const EARLY = 16 * 1024 * 1024;

/** Uploads in one PUT. */
export async function uploadAtOnce(job: Job): Promise<StoredFile> {
  const { connection, file, options, steps } = job;
  const { signal } = options;
  const { size } = file;
  // Firefox would wait without end for a file that has grown. A slice ends where the file ended.
  const body = "uri" in file ? file : file.slice(0, size);
  // What is read is compared with `size`, so that it needs no slice, which costs as much time as to read a small file.
  // An empty one is always read: WebKit gives a file that was removed the size 0, if nothing has asked for its size before.
  const read = (options.checksum !== false || !size) && isReadable(file) ? file : undefined;
  const isLarge = size > HASHED_UP_TO;
  const intent = { ...job.intent, checksumSha256: read && !isLarge ? await sha256(read) : undefined };
  check(signal);
  const crc = read && isLarge ? crcOf(read) : undefined;
  const readTo = (end: number) => void crc?.then((some) => some?.readTo(end));
  const sign = async () => {
    const request = steps.presign(intent, signal);
    readTo(EARLY);
    const signed = await request;
    notify(options.onStart, { id: signed.id, resumable: false });
    readTo(size);
    return { ...signed, url: signed.presignedUrl };
  };
  const report = (sent: number) => notify(options.onProgress, { sent, total: size, resumed: 0 });
  const { id, objectKey } = await sendSigned(job, sign, body, report, signal);
  report(size);
  const stored = await retrying(connection, () => steps.confirm(objectKey, signal), signal, notYet);
  const there = stored.checksumCrc64nvme;
  const here = there && (await (await crc)?.value());
  if (!here || here === there) return stored;
  await erase(connection, `/files/${id}`).catch(() => undefined);
  throw new SlipwayError("checksum_mismatch", "S3 has other bytes than the file.");
}

/** How often a URL that S3 refuses is replaced by a fresh one. */
const FRESH_URLS = 3;

const FORBIDDEN = 403;
const EXISTS = 412;

/**
 * Sends `body` to the URL that `sign` answers. Where S3 refuses it, the URL has most likely expired (it is valid for
 * minutes, and a laptop may have slept): `sign` is called again, with how often that was.
 */
export async function sendSigned<T extends { url: string; headers: object }>(
  { connection, steps }: Job,
  sign: (refused: number) => Promise<T>,
  body: Source,
  onSent: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<T> {
  for (let refused = 0; ; refused++) {
    const signed = await sign(refused);
    const known = refused < FRESH_URLS ? [FORBIDDEN, EXISTS] : [EXISTS];
    const send = () => {
      onSent(0);
      return put(connection, signed.url, { ...signed.headers }, body, known, onSent, signal);
    };
    if ((await retrying(connection, () => steps.turn(send, signal), signal)) !== FORBIDDEN) return signed;
  }
}

/** S3 has answered the PUT, so "there is no upload yet" may change. `call` has repeated everything else. */
const notYet = ({ code, details }: SlipwayError) => code === "upload_not_found" || details.retryable === true;

/** The SHA-256 in base64. Browsers offer it on secure pages only, React Native not at all. */
function sha256(file: Blob): Promise<string | undefined> {
  return withMemory(file.size, async () => {
    const digest = await globalThis.crypto?.subtle?.digest("SHA-256", await bytesOf(file, file.size));
    return digest && btoa(String.fromCharCode(...new Uint8Array(digest)));
  });
}
