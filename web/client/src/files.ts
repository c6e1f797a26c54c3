/** Lists, reads, renames and deletes files. */
import { check } from "./abort.js";
import { type Call, type Connection, call, erase, unanswered } from "./connection.js";
import { errorOf, SlipwayError } from "./errors.js";
import { plainName, query } from "./names.js";
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

/** How many files each request lists. */
interface PageOptions {
  /** The most files per request, 1 to 1000. Default: 50. */
  pageSize?: number;
  signal?: AbortSignal;
}

/** What to list. */
export interface ListOptions extends PageOptions {
  /** Only files whose type begins with this, such as `image/`. */
  contentType?: string;
  /** Only files that were uploaded under this rule. */
  rule?: string;
  /** By name instead of newest first. */
  sort?: "name";
  /** Only files whose name begins with this, by name: `photos/` lists what is in that folder and below it. */
  prefix?: string;
  /** Only files whose name contains this, in any case. Not together with `sort` or `prefix`. */
  q?: string;
}

/** What to list on one page. */
export interface ListPageOptions extends ListOptions {
  /** Groups names that have a `/` after `prefix` into `folders`. Not together with `contentType`, `rule` or `q`. */
  delimiter?: "/";
  /** The `nextCursor` of the page before, with the same options. */
  cursor?: string | null;
}

/** A page of the list. `folders` is absent without a `delimiter`. */
export type Page = Omit<Schemas["FilePage"], "success"> & { folders?: string[] };

/** One page. Pass its `nextCursor` as `cursor` for the next one. */
export async function listPage(
  connection: Connection,
  { pageSize: limit, signal, ...filters }: ListPageOptions = {},
): Promise<Page> {
  return (await call<Page>(connection, `/files${query({ ...filters, limit })}`, { signal })).data;
}

/** All pages, requested as they are needed. */
export async function* pages<P extends { nextCursor: string | null }>(
  load: (cursor?: string | null) => Promise<P>,
): AsyncGenerator<P, void> {
  let cursor: string | null | undefined;
  do {
    const page = await load(cursor);
    yield page;
    cursor = page.nextCursor;
  } while (cursor);
}

/** All files, newest first unless `sort` or `prefix` is given. Pages are requested as they are needed. */
export async function* list(connection: Connection, options: ListOptions = {}): AsyncGenerator<StoredFile, void> {
  for await (const { files } of pages((cursor) => listPage(connection, { ...options, cursor }))) yield* files;
}

/** What is in a folder: its folders, as the prefix of the names in them, and its files. */
export interface Folder {
  folders: string[];
  files: StoredFile[];
}

/** All that is directly in `folder`, by name, page by page. A folder ends with `/`; without one it is the root. */
export async function* listFolder(
  connection: Connection,
  folder = "",
  options: PageOptions = {},
): AsyncGenerator<Folder, void> {
  const load = (cursor?: string | null) => listPage(connection, { ...options, prefix: folder, delimiter: "/", cursor });
  for await (const { folders = [], files } of pages(load)) yield { folders, files };
}

/** What URL a file gets. */
export interface GetOptions {
  /** A browser saves the file under its original name instead of showing it. */
  download?: boolean;
  /** The URL expires after exactly so many seconds, for a link to share. At most the deployment's `READ_URL_SECONDS`. */
  urlSeconds?: number;
  signal?: AbortSignal;
}

/** One file with a read URL. */
export async function get(
  connection: Connection,
  id: string,
  { signal, ...parameters }: GetOptions = {},
): Promise<StoredFile> {
  const path = `/files/${encodeURIComponent(id)}${query(parameters)}`;
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
    throw new SlipwayError("forbidden", `The file has no URL: ${file.urlBlocked}.`);
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

/** Another name, other fields, or both. An omitted one stays as it is. */
export interface Changes {
  /** Control characters become `_`, as in an upload. */
  fileName?: string;
  /** Replaces all fields; `{}` removes them. */
  metadata?: Record<string, string>;
}

/**
 * Renames a file, or replaces its metadata.
 *
 * Fails with `file_changed` if the file was replaced or renamed meanwhile. Repeating a request whose answer was lost is
 * safe.
 */
export async function rename(
  connection: Connection,
  id: string,
  changes: Changes,
  options?: Pick<Call, "signal">,
): Promise<StoredFile> {
  const body = { ...changes, fileName: changes.fileName && plainName(changes.fileName) };
  const path = `/files/${encodeURIComponent(id)}`;
  return (await call<Schemas["FileResponse"]>(connection, path, { method: "PATCH", body, ...options })).data.file;
}

/** Deletes a file. Succeeds as well if it is deleted already. */
export async function remove(connection: Connection, id: string, options?: Pick<Call, "signal">): Promise<void> {
  await erase(connection, `/files/${encodeURIComponent(id)}`, options?.signal);
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
