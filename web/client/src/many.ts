/** Presigns and confirms many files in one request each. */
import type { Connection } from "./connection.js";
import { type ErrorCode, SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { Slots } from "./slots.js";
import { type Intent, post, type Signed } from "./upload.js";

/** One result of a batch: a value, or why there is none. */
type Result<T> = T | Promise<T>;

/** Statuses that may mean one file of a batch. */
const ABOUT_FILES = new Set([400, 413, 415]);

/** Browsers open so many connections to a host without HTTP/2. */
const SINGLE_CALLS = 6;

/**
 * Signs a URL for each file. The API refuses a batch as a whole and names the first file that it does not accept: that
 * one gets the error, and the others are sent again, those before it and those after it.
 */
export async function presignMany(connection: Connection, intents: Intent[]): Promise<Result<Signed>[]> {
  if (intents.length === 1) return [await post<Signed>(connection, "/presign-upload", intents[0] as Intent)];
  try {
    return (await post<{ uploads: Signed[] }>(connection, "/presign-upload", { files: intents })).uploads;
  } catch (error) {
    if (!(error instanceof SlipwayError && ABOUT_FILES.has(error.status))) throw error;
    const { code, message, status, details } = error;
    const named = /^files\[(\d+)\]: /.exec(message);
    const at = Math.min(named ? Number(named[1]) : intents.length >> 1, intents.length - 1);
    // A quota has room for some of them, so both halves are tried again.
    const rest = named ? at + 1 : at;
    const refused = named && failed<Signed>(new SlipwayError(code, message.slice(named[0].length), status, details));
    const signed = (some: Intent[]) =>
      some.length ? presignMany(connection, some).catch((e) => some.map(() => failed<Signed>(e))) : [];
    const [before, after] = await Promise.all([signed(intents.slice(0, at)), signed(intents.slice(rest))]);
    return [...before, ...(refused ? [refused] : []), ...after];
  }
}

/** An entry of the answer. */
type Confirmed = { file: StoredFile } | { code: ErrorCode; error: string };

/** Codes after which the same request may succeed. */
const PASSING = new Set<ErrorCode>(["upload_not_found", "internal", "unavailable", "timeout"]);

/** Records each upload. Deployments that do not know `objectKeys` answer 400, and get one request for each. */
export async function confirmMany(
  connection: Connection & { confirmsOne?: boolean },
  objectKeys: string[],
): Promise<Result<StoredFile>[]> {
  if (objectKeys.length > 1 && !connection.confirmsOne) {
    try {
      const { results } = await post<{ results: Confirmed[] }>(connection, "/save-metadata", { objectKeys });
      return results.map((result) => {
        if ("file" in result) return result.file;
        const { code, error } = result;
        return failed<StoredFile>(new SlipwayError(code, error, 0, { retryable: PASSING.has(code) }));
      });
    } catch (error) {
      if (!(error instanceof SlipwayError && error.status === 400)) throw error;
      connection.confirmsOne = true;
    }
  }
  const slots = new Slots(SINGLE_CALLS);
  return objectKeys.map((objectKey) => {
    const one = slots.run(
      async () => (await post<{ file: StoredFile }>(connection, "/save-metadata", { objectKey })).file,
    );
    one.catch(() => undefined);
    return one;
  });
}

/** A rejection that its receiver handles later. */
function failed<T>(error: unknown): Promise<T> {
  const rejection = Promise.reject(error);
  rejection.catch(() => undefined);
  return rejection;
}
