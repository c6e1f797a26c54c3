/** Uploads a file in parts: several at once, signed just in time, and never a part that S3 already has. */
import { type Call, type Connection, call } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { startedWith } from "./notify.js";
import { sendParts } from "./parts.js";
import { defaultStore, Entry, fingerprint } from "./resume.js";
import { sleep } from "./retry.js";
import { exclusively } from "./running.js";
import type { components } from "./schema.js";
import { type Job, kindOf } from "./upload.js";

type Schemas = components["schemas"];

/** A multipart upload that is neither completed nor aborted. */
export type UnfinishedUpload = Schemas["MultipartSummary"];

/** An unfinished upload, with the parts that S3 has. */
export type PartialUpload = Omit<Schemas["MultipartUpload"], "success">;

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
/** The pause between two requests for an upload that S3 is still completing. */
const COMPLETING_MS = 2_000;

/** Uploads in parts, and continues an earlier upload of the same file. */
export async function uploadInParts(job: Job): Promise<StoredFile> {
  const { connection, file, fileName, options } = job;
  const store = options.resume === false ? undefined : (options.resume ?? defaultStore());
  const entry = new Entry(store, connection.url, fingerprint(file, fileName));
  // Two uploads of one file at a time must not share an upload id: to cancel one would abort the other.
  return exclusively(entry.key, (isOnly) => resumeOrBegin(job, isOnly ? entry : new Entry(undefined, "", undefined)));
}

async function resumeOrBegin(job: Job, entry: Entry): Promise<StoredFile> {
  const { connection, options } = job;
  const known = options.uploadId ?? entry.read();
  if (known !== undefined) {
    try {
      const done = await finish(job, await resume(job, known));
      entry.clear();
      return done;
    } catch (error) {
      if (!isOver(error)) throw error;
      // Either it became a file and the answer was lost, or it was aborted.
      const done = await complete(connection, known, options).catch(unlessOver);
      entry.clear();
      if (done) return done;
    }
  }
  const plan = await begin(job);
  entry.write(plan.id);
  const done = await finish(job, plan);
  entry.clear();
  return done;
}

/** The caller's unfinished uploads, newest first. */
export async function* unfinished(
  connection: Connection,
  options: Pick<Call, "signal"> = {},
): AsyncGenerator<UnfinishedUpload, void> {
  let query = "";
  for (;;) {
    const page = await call<Schemas["MultipartPage"]>(connection, `/multipart-uploads${query}`, options);
    yield* page.data.uploads;
    if (page.data.nextCursor === null) return;
    query = `?${new URLSearchParams({ cursor: page.data.nextCursor })}`;
  }
}

/** One unfinished upload, with the parts that S3 has. */
export async function inspect(
  connection: Connection,
  id: string,
  options: Pick<Call, "signal"> = {},
): Promise<PartialUpload> {
  const { success: _, ...upload } = (await call<Schemas["MultipartUpload"]>(connection, path(id), options)).data;
  return upload;
}

/** Aborts an unfinished upload. S3 deletes its parts. */
export async function discard(connection: Connection, id: string, options: Pick<Call, "signal"> = {}): Promise<void> {
  await call(connection, path(id), { method: "DELETE", ...options }).catch(unlessOver);
}

const path = (id: string) => `/multipart-uploads/${encodeURIComponent(id)}`;

function isOver(error: unknown): boolean {
  return error instanceof SlipwayError && (error.code === "not_found" || error.code === "file_deleted");
}

function unlessOver(error: unknown): undefined {
  if (!isOver(error)) throw error;
}

async function begin({ connection, file, fileName, contentType, options }: Job): Promise<Plan> {
  const partSize = options.partSize ?? connection.pace.partSize(file.size);
  const body: Schemas["MultipartIntent"] = { fileName, contentType, size: file.size, partSize, ...kindOf(options) };
  const { signal } = options;
  const created = await call<Schemas["MultipartCreated"]>(connection, "/multipart-uploads", {
    method: "POST",
    body,
    signal,
  });
  return { ...created.data, stored: new Map() };
}

/** Continues upload `id` if it is one of this file. Parts of two files would make a third. */
async function resume({ connection, file, fileName, options }: Job, id: string): Promise<Plan> {
  const upload = await inspect(connection, id, options);
  // macOS decomposes names (NFD) in some places and composes them (NFC) in others.
  if (upload.size !== file.size || upload.fileName.normalize() !== fileName.normalize()) {
    throw new SlipwayError("file_changed", `This is not the file of the unfinished upload, “${upload.fileName}”.`);
  }
  return planned(upload);
}

function planned(upload: PartialUpload): Plan {
  return { ...upload, stored: new Map(upload.parts.map(({ partNumber, size }) => [partNumber, size])) };
}

async function finish(job: Job, begun: Plan): Promise<StoredFile> {
  const { connection, options } = job;
  startedWith(options, { id: begun.id, resumable: true });
  let plan = begun;
  for (let round = 1; ; round++) {
    await sendParts(job, plan);
    try {
      return await complete(connection, plan.id, options);
    } catch (error) {
      const missing = error instanceof SlipwayError && error.code === "parts_missing";
      if (!missing || round === ROUNDS) throw error;
      plan = planned(await inspect(connection, plan.id, options));
    }
  }
}

async function complete(connection: Connection, id: string, { signal }: Pick<Call, "signal">): Promise<StoredFile> {
  for (;;) {
    const { data, status } = await call<Schemas["FileResponse"]>(connection, `${path(id)}/complete`, {
      method: "POST",
      signal,
    });
    if (status !== 202) return data.file;
    await sleep(COMPLETING_MS, signal);
  }
}
