/** Files that are there: listing, getting, downloading, removing, and how much there is. */
import { type Call, type Connection, call, lost } from "./connection.js";
import { errorOf, SlipwayError } from "./errors.js";
import { retrying } from "./retry.js";
import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** A file as S3 has it. */
export type StoredFile = Schemas["File"];

/** How much the caller has stored. */
export type Usage = Omit<Schemas["Usage"], "success">;

/** What to list. */
export interface ListOptions {
  /** Only files whose type begins with this, such as `image/`. */
  contentType?: string;
  /** The most files per request, 1 to 1000; 50 without it. */
  pageSize?: number;
  signal?: AbortSignal;
}

/** A page of the list. */
export type Page = Omit<Schemas["FilePage"], "success">;

/** One page, for those who keep the cursor themselves. */
export async function listPage(
  connection: Connection,
  { contentType, pageSize, signal, cursor }: ListOptions & { cursor?: string | null } = {},
): Promise<Page> {
  const query = new URLSearchParams();
  if (contentType) query.set("contentType", contentType);
  if (pageSize) query.set("limit", String(pageSize));
  if (cursor) query.set("cursor", cursor);
  const search = query.size > 0 ? `?${query}` : "";
  return (await call<Page>(connection, `/files${search}`, { signal })).data;
}

/** All files, newest first. Pages are fetched as they are needed. */
export async function* list(connection: Connection, options: ListOptions = {}): AsyncGenerator<StoredFile, void> {
  let cursor: string | null | undefined;
  do {
    const page = await listPage(connection, { ...options, cursor });
    yield* page.files;
    cursor = page.nextCursor;
  } while (cursor);
}

/** One file with a fresh read URL. With `download` the URL makes a browser save it under its original name. */
export async function get(
  connection: Connection,
  id: string,
  { download = false, signal }: { download?: boolean; signal?: AbortSignal } = {},
): Promise<StoredFile> {
  const query = download ? "?download=true" : "";
  const path = `/files/${encodeURIComponent(id)}${query}`;
  return (await call<Schemas["FileResponse"]>(connection, path, { signal })).data.file;
}

/** The bytes, straight from S3. For a browser's own download, send it to the `url` of `get(id, {download: true})`. */
export async function download(
  connection: Connection,
  id: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Response> {
  const file = await get(connection, id, { signal });
  const { url } = file;
  if (url === null) {
    throw new SlipwayError("forbidden", `The file cannot be read: ${file.urlBlocked ?? "it has no URL"}.`);
  }
  return retrying(
    async () => {
      const response = await connection.fetch(url, { signal }).catch((cause) => {
        signal?.throwIfAborted();
        throw lost(cause);
      });
      if (!response.ok) throw await errorOf(response);
      return response;
    },
    { ...connection.retry, signal },
  );
}

/** Removes a file for good. One that is gone already is removed as well. */
export async function remove(connection: Connection, id: string, options: Pick<Call, "signal"> = {}): Promise<void> {
  try {
    await call(connection, `/files/${encodeURIComponent(id)}`, { method: "DELETE", ...options });
  } catch (error) {
    // The answer to an earlier try may have been lost.
    if (!(error instanceof SlipwayError && error.code === "not_found")) throw error;
  }
}

/** How many ids one request takes. */
const AT_ONCE = 1000;

/** Removes many files, and tells which of the ids were none of the caller's. */
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

/** Files and bytes of the caller, and the quota if there is one. */
export async function usage(connection: Connection, options: Pick<Call, "signal"> = {}): Promise<Usage> {
  const { success: _, ...usage } = (await call<Schemas["Usage"]>(connection, "/usage", options)).data;
  return usage;
}
