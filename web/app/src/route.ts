/** The view as a part of the page's address, so that a reload, Back and a bookmark keep it. */

/** What is listed. */
export interface Query {
  /** Only files in this folder; it ends with `/`, and is empty for the root. */
  folder: string;
  /** Only files whose names contain this, in all folders. */
  q: string;
  /** A prefix of the content type; empty for all files. */
  type: string;
  /** `name` shows folders. `newest` shows the files of all folders. */
  sort: "name" | "newest";
}

/** All that the address holds. */
export interface Route extends Query {
  view: "grid" | "list";
  /** The id of the file in the preview. */
  file?: string;
}

const KEPT = "slipway-view";

/** Reads an address. The look of the list is the last one that was chosen, unless the address has one. */
export function read(search: string, kept = localStorage.getItem(KEPT)): Route {
  const values = new URLSearchParams(search);
  const get = (name: string) => values.get(name) ?? "";
  const folder = get("folder");
  return {
    folder: folder && !folder.endsWith("/") ? `${folder}/` : folder,
    q: get("q"),
    type: get("type"),
    sort: get("sort") === "newest" ? "newest" : "name",
    view: (get("view") || kept) === "list" ? "list" : "grid",
    file: get("file") || undefined,
  };
}

/** Writes an address. Parts with their usual value are left out; parameters of others are kept. */
export function write(route: Route, search = ""): string {
  const values = new URLSearchParams(search);
  const { sort, view } = route;
  const parts = { ...route, sort: sort === "newest" ? sort : "", view: view === "list" ? view : "" };
  for (const name of ["folder", "q", "type", "sort", "view", "file"] as const) {
    const value = parts[name];
    if (value) values.set(name, value);
    else values.delete(name);
  }
  const text = values.toString();
  return text ? `?${text}` : "";
}

/** Remembers the look of the list for the next visit. */
export function keepView(view: Route["view"]): void {
  localStorage.setItem(KEPT, view);
}
