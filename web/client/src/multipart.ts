/** A file in parts: several at once, signed just in time, and never one that S3 has already. */
import { type Call, type Connection, call } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { PartUrls } from "./part-urls.js";
import { defaultStore, Entry, fingerprint } from "./resume.js";
import { retrying, sleep } from "./retry.js";
import type { components } from "./schema.js";
import { put } from "./send.js";
import { FRESH_URLS } from "./single.js";
import type { Job } from "./upload.js";

type Schemas = components["schemas"];

/** An upload that was begun and neither completed nor given up. */
export type UnfinishedUpload = Schemas["MultipartSummary"];

/** An unfinished upload, and the parts that S3 has of it. */
export type PartialUpload = Omit<Schemas["MultipartUpload"], "success">;

/** The parts of one upload: which there are, and which of them S3 has. */
interface Plan {
  id: string;
  partSize: number;
  partCount: number;
  there: Map<number, number>;
}

const PARALLEL = 4;
/** How often parts that turn out to be missing are sent again. */
const ROUNDS = 3;
/** Between two looks at an upload that S3 is putting together. */
const COMPLETING_MS = 2_000;

/** Uploads in parts, and goes on where an earlier try ended. */
export async function uploadInParts(job: Job): Promise<StoredFile> {
  const { connection, file, fileName, options } = job;
  const store = options.resume === false ? undefined : (options.resume ?? defaultStore());
  const entry = new Entry(store, connection.url, fingerprint(file, fileName));
  const known = options.uploadId ?? entry.read();
  if (known !== undefined) {
    try {
      const done = await finish(job, await goOn(job, known));
      entry.clear();
      return done;
    } catch (error) {
      if (!isOver(error)) throw error;
      // It became a file before its answer came, or it is over for good and another begins.
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

/** One of them, with the parts that S3 has. */
export async function inspect(
  connection: Connection,
  id: string,
  options: Pick<Call, "signal"> = {},
): Promise<PartialUpload> {
  const { success: _, ...upload } = (await call<Schemas["MultipartUpload"]>(connection, path(id), options)).data;
  return upload;
}

/** Gives an unfinished upload up; S3 drops its parts. */
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
  const body: Schemas["MultipartIntent"] = { fileName, contentType, size: file.size, partSize: options.partSize };
  const { signal } = options;
  const created = await call<Schemas["MultipartCreated"]>(connection, "/multipart-uploads", {
    method: "POST",
    body,
    signal,
  });
  return { ...created.data, there: new Map() };
}

/** Parts of two files would make a third that nobody has. */
async function goOn({ connection, file, fileName, options }: Job, id: string): Promise<Plan> {
  const upload = await inspect(connection, id, options);
  if (upload.size !== file.size || upload.fileName !== fileName) {
    throw new SlipwayError("file_changed", `This is not the file whose upload was begun, “${upload.fileName}”.`);
  }
  return planned(upload);
}

function planned(upload: PartialUpload): Plan {
  return { ...upload, there: new Map(upload.parts.map(({ partNumber, size }) => [partNumber, size])) };
}

async function finish(job: Job, begun: Plan): Promise<StoredFile> {
  const { connection, options } = job;
  options.onStart?.({ id: begun.id, resumable: true });
  let plan = begun;
  for (let round = 1; ; round++) {
    await sendMissing(job, plan);
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

async function sendMissing({ connection, file, options }: Job, plan: Plan): Promise<void> {
  const range = (n: number): [number, number] => [(n - 1) * plan.partSize, Math.min(n * plan.partSize, file.size)];
  const numbers = Array.from({ length: plan.partCount }, (_, i) => i + 1);
  const isThere = (n: number) => {
    const [from, to] = range(n);
    return plan.there.get(n) === to - from;
  };
  const resumed = numbers.filter(isThere).reduce((sum, n) => sum + (plan.there.get(n) ?? 0), 0);
  const waiting = numbers.filter((n) => !isThere(n));
  const sent = new Map<number, number>();
  const report = (n?: number, bytes = 0) => {
    if (n !== undefined) sent.set(n, bytes);
    const moved = [...sent.values()].reduce((sum, some) => sum + some, resumed);
    options.onProgress?.({ sent: moved, total: file.size, resumed });
  };
  report();
  // One part that fails for good ends the others.
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const parallel = options.parallel ?? PARALLEL;
  const urls = new PartUrls(connection, plan.id, waiting, 2 * parallel, signal);
  const send = async (n: number): Promise<void> => {
    const body = file.slice(...range(n));
    for (let refused = 0; ; refused++) {
      const { url, headers } = await urls.take(n);
      const sending = { url, headers, body, signal, onSent: (bytes: number) => report(n, bytes) };
      const known = refused < FRESH_URLS ? [403] : [];
      const status = await retrying(() => put(connection, sending, known), { ...connection.retry, signal });
      if (status !== 403) break;
      urls.refused(n);
    }
    report(n, body.size);
  };
  const work = async () => {
    for (let n = waiting.shift(); n !== undefined; n = waiting.shift()) await send(n);
  };
  const workers = Array.from({ length: parallel }, work);
  const first = await Promise.all(workers).then(
    () => undefined,
    (error) => ({ error }),
  );
  if (!first) return;
  failed.abort(first.error);
  await Promise.allSettled(workers);
  throw overIfGone(first.error);
}

/** S3 answers 404 for a part of an upload that is over. */
function overIfGone(error: unknown): unknown {
  if (error instanceof SlipwayError && error.code === "upload_refused" && error.status === 404) {
    return new SlipwayError("not_found", "The upload is over.", 404, { cause: error });
  }
  return error;
}
