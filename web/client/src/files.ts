/** Lists, reads and deletes files. */
import { check } from "./abort.js";
import { type Call, type Connection, call, erase, unanswered } from "./connection.js";
import { errorOf, SlipwayError } from "./errors.js";
import { query } from "./names.js";
import { retrying } from "./retry.js";
import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** A file. The last three are undefined where the deployment is older than they are. */
export type StoredFile = Schemas["File"] & {
  /** The rule by which it was uploaded. */
  rule?: string | null;
  /** Data of the application. */
  metadata?: Record<string, string>;
  /** Base64 of eight bytes. */
  checksumCrc64nvme?: string | null;
};

/** How many files and bytes the caller has stored. */
export type Usage = Omit<Schemas["Usage"], "success">;

/** What to list. */
export interface ListOptions {
  /** Only files whose type begins with this, such as `image/`. */
  contentType?: string;
  /** Only files that were uploaded by this rule. */
  rule?: string;
  /** The most files per request, 1 to 1000. Default: 50. */
  pageSize?: number;
  signal?: AbortSignal;
}

/** A page of the list. */
export type Page = Omit<Schemas["FilePage"], "success">;

/** One page. Pass its `nextCursor` as `cursor` for the next one. */
export async function listPage(
  connection: Connection,
  { contentType, rule, pageSize, signal, cursor }: ListOptions & { cursor?: string | null } = {},
): Promise<Page> {
  const search = query({ contentType, rule, limit: pageSize, cursor });
  return (await call<Page>(connection, `/files${search}`, { signal })).data;
}

/** All files, newest first. Pages are requested as they are needed. */
export async function* list(connection: Connection, options: ListOptions = {}): AsyncGenerator<StoredFile, void> {
  let cursor: string | null | undefined;
  do {
    const page = await listPage(connection, { ...options, cursor });
    yield* page.files;
    cursor = page.nextCursor;
  } while (cursor);
}

/** One file with a fresh read URL. With `download`, a browser saves it under its original name. */
export async function get(
  connection: Connection,
  id: string,
  { download = false, signal }: { download?: boolean; signal?: AbortSignal } = {},
): Promise<StoredFile> {
  const path = `/files/${encodeURIComponent(id)}${download ? "?download=true" : ""}`;
  return (await call<Schemas["FileResponse"]>(connection, path, { signal })).data.file;
}

/** The content, from S3. To let the browser save a file, open the `url` of `get(id, { download: true })` instead. */
export async function download(
  connection: Connection,
  id: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Response> {
  const file = await get(connection, id, { signal });
  const { url } = file;
  if (url === null) {
    throw new SlipwayError("forbidden", `The file cannot be read: ${file.urlBlocked ?? "no URL"}.`);
  }
  return retrying(
    connection,
    async () => {
      // Without the cache: an `<img>` without `crossorigin` may have stored the same URL, without the CORS headers
      // that a script needs.
      const response = await connection.fetch(url, { signal, cache: "no-store" }).catch(async (cause) => {
        check(signal);
        throw await unanswered(connection, url, "S3", cause);
      });
      if (!response.ok) throw errorOf(response);
      return response;
    },
    signal,
  );
}

/** Deletes a file. Succeeds as well if it is deleted already. */
export async function remove(connection: Connection, id: string, options: Pick<Call, "signal"> = {}): Promise<void> {
  await erase(connection, `/files/${encodeURIComponent(id)}`, options.signal);
}

/** The most ids in one request. */
const AT_ONCE = 1000;

/** Deletes many files. `missing` are the ids that are not the caller's. */
export async function removeMany(
  connection: Connection,
  ids: string[],
  options: Pick<Call, "signal"> = {},
): Promise<{ deleted: string[]; missing: string[] }> {
  const all = { deleted: [] as string[], missing: [] as string[] };
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const body = { ids: ids.slice(at, at + AT_ONCE) };
    const { data } = await call<Schemas["DeleteFilesResponse"]>(connection, "/files/delete", {
      method: "POST",
      body,
      ...options,
    });
    all.deleted.push(...data.deleted);
    all.missing.push(...data.missing);
  }
  return all;
}

/** Files and bytes of the caller, and the quota if one is set. */
export async function usage(connection: Connection, options: Pick<Call, "signal"> = {}): Promise<Usage> {
  return (await call<Schemas["Usage"]>(connection, "/usage", options)).data;
}
