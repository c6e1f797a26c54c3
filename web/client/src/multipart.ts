/** Uploads a file in parts: several at once, signed just in time, and never a part that S3 already has. */
import { type Call, type Connection, call, erase, unlessOver } from "./connection.js";
import { crcOf } from "./crc.js";
import { SlipwayError } from "./errors.js";
import { pages, type StoredFile } from "./files.js";
import { query } from "./names.js";
import { notify } from "./notify.js";
import { sendParts } from "./parts.js";
import { defaultStore, keyOf, quietly, type ResumeStore } from "./resume.js";
import { sleep } from "./retry.js";
import { exclusively } from "./running.js";
import type { components } from "./schema.js";
import { isReadable } from "./send.js";
import { type Job, post } from "./upload.js";

type Schemas = components["schemas"];

/** A multipart upload that is neither completed nor aborted. */
export type UnfinishedUpload = Schemas["MultipartSummary"];

/** An unfinished upload, with the parts that S3 has. */
export type PartialUpload = Omit<Schemas["MultipartUpload"], "success">;

/** An upload of something that can be sliced. */
export type PartsJob = Job & { file: Blob };

/** The parts of one upload. */
export interface Plan {
  id: string;
  partSize: number;
  partCount: number;
  /** The parts that S3 has, with their sizes. */
  stored: Map<number, number>;
}

/** How often parts that turn out to be missing are sent again. */
const ROUNDS = 3;
/** The most bytes of an earlier attempt that are read again, only for the checksum. */
const READ_AGAIN_UP_TO = 1024 ** 3;
/** The pause between two requests for an upload that S3 is still completing. */
const COMPLETING_MS = 2_000;

/** Uploads in parts, and continues an earlier upload of the same file. */
export function uploadInParts(job: PartsJob): Promise<StoredFile> {
  const { connection, file, intent, options } = job;
  const key = keyOf(connection.url, file, intent.fileName);
  const store = options.resume === false ? undefined : (options.resume ?? defaultStore());
  // Two uploads of one file at a time must not share an upload id: to cancel one would abort the other.
  return exclusively(key, (isOnly) => resumeOrBegin(job, isOnly ? store : undefined, key));
}

async function resumeOrBegin(job: PartsJob, store: ResumeStore | undefined, key: string): Promise<StoredFile> {
  const { connection, options } = job;
  const known = options.uploadId ?? quietly(() => key && store?.getItem(key));
  let done: StoredFile | undefined;
  if (known) {
    try {
      done = await finish(job, await resume(job, known));
    } catch (error) {
      // Either it became a file and the answer was lost, or it was aborted.
      unlessOver(error);
      done = await complete(connection, known, options).catch(unlessOver);
    }
  }
  if (!done) {
    const plan = await begin(job);
    quietly(() => key && store?.setItem(key, plan.id));
    done = await finish(job, plan);
  }
  quietly(() => store?.removeItem(key));
  return done;
}

/** The caller's unfinished uploads, newest first. */
export async function* unfinished(
  connection: Connection,
  options?: Pick<Call, "signal">,
): AsyncGenerator<UnfinishedUpload, void> {
  const load = async (cursor?: string | null) =>
    (await call<Schemas["MultipartPage"]>(connection, `/multipart-uploads${query({ cursor })}`, options)).data;
  for await (const { uploads } of pages(load)) yield* uploads;
}

/** One unfinished upload, with the parts that S3 has. */
export async function inspect(
  connection: Connection,
  id: string,
  options: Pick<Call, "signal"> = {},
): Promise<PartialUpload> {
  return (await call<Schemas["MultipartUpload"]>(connection, path(id), options)).data;
}

/** Aborts an unfinished upload. S3 deletes its parts. */
export async function discard(connection: Connection, id: string, options?: Pick<Call, "signal">): Promise<void> {
  await erase(connection, path(id), options?.signal);
}

const path = (id: string) => `/multipart-uploads/${encodeURIComponent(id)}`;

async function begin({ connection, file, intent, options }: PartsJob): Promise<Plan> {
  const partSize = options.partSize ?? connection.pace.partSize(file.size);
  const body = { ...intent, partSize };
  const created = await post<Schemas["MultipartCreated"]>(connection, "/multipart-uploads", body, options.signal);
  return { ...created, stored: new Map() };
}

/** Continues upload `id` if it is one of this file. Parts of two files would make a third. */
async function resume({ connection, file, intent, options }: PartsJob, id: string): Promise<Plan> {
  const upload = await inspect(connection, id, options);
  // macOS decomposes names (NFD) in some places and composes them (NFC) in others.
  if (upload.size !== file.size || upload.fileName.normalize() !== intent.fileName.normalize()) {
    throw new SlipwayError("file_changed", "This is another file.");
  }
  return planned(upload);
}

function planned(upload: PartialUpload): Plan {
  return { ...upload, stored: new Map(upload.parts.map(({ partNumber, size }) => [partNumber, size])) };
}

async function finish(job: PartsJob, begun: Plan): Promise<StoredFile> {
  const { connection, file, options } = job;
  notify(options.onStart, { id: begun.id, resumable: true });
  let plan = begun;
  for (let round = 1; ; round++) {
    const crc = crcUnless(file, plan, options.checksum);
    await sendParts(job, plan, crc);
    try {
      return await complete(connection, plan.id, options, await (await crc)?.value());
    } catch (error) {
      const code = error instanceof SlipwayError && round < ROUNDS && error.code;
      if (code === "parts_missing") plan = planned(await inspect(connection, plan.id, options));
      // Nothing tells which part is wrong. An upload that is over has left a file that was removed.
      else if (code === "checksum_mismatch" && (await isOpen(connection, plan.id, options))) {
        plan = { ...plan, stored: new Map() };
      } else throw error;
    }
  }
}

/** Whether parts of the upload can be sent again. */
async function isOpen(connection: Connection, id: string, options: Pick<Call, "signal">): Promise<boolean> {
  const shown = await inspect(connection, id, options).catch(unlessOver);
  return shown !== undefined;
}

/** The checksum, unless too much would have to be read again for it. */
function crcUnless(file: Blob, { stored }: Plan, wanted?: boolean): ReturnType<typeof crcOf> | undefined {
  let there = 0;
  for (const size of stored.values()) there += size;
  return isReadable(file) && (wanted ?? there <= READ_AGAIN_UP_TO) ? crcOf(file) : undefined;
}

async function complete(
  connection: Connection,
  id: string,
  { signal }: Pick<Call, "signal">,
  checksumCrc64nvme?: string,
): Promise<StoredFile> {
  for (;;) {
    const { data, status } = await call<Schemas["FileResponse"]>(connection, `${path(id)}/complete`, {
      method: "POST",
      body: checksumCrc64nvme ? { checksumCrc64nvme } : undefined,
      signal,
    });
    if (status !== 202) return data.file;
    await sleep(COMPLETING_MS, signal);
  }
}
