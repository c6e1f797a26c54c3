/** The list: its order, its pages, what uploads change in it, and the selection. */
import type { Client, ListPageOptions, Page, StoredFile } from "@slipway/client";
import { beforeEach, expect, test, vi } from "vitest";
import { Held } from "../src/held.ts";
import { type Entry, Library } from "../src/library.ts";

/** A deployment with these names, newest last. */
class Deployment {
  files: StoredFile[] = [];
  requests: ListPageOptions[] = [];
  deleted: string[] = [];
  fails = false;

  constructor(names: string[]) {
    for (const name of names) this.put(name);
  }

  put(fileName: string, contentType = "text/plain"): StoredFile {
    const id = String(this.files.length).padStart(6, "0");
    const file = { id, fileName, contentType, size: 1 } as StoredFile;
    this.files.push(file);
    return file;
  }

  listPage = async (options: ListPageOptions = {}): Promise<Page> => {
    this.requests.push(options);
    if (this.fails) throw new Error("It is down.");
    const { prefix = "", delimiter, sort, q, contentType = "", pageSize = 50, cursor } = options;
    let rows = this.files.filter(
      ({ fileName, contentType: type }) => fileName.includes(q ?? "") && type.startsWith(contentType),
    );
    const isByName = Boolean(sort || delimiter);
    if (isByName)
      rows = rows
        .filter(({ fileName }) => fileName.startsWith(prefix))
        .sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
    else rows = rows.reverse();
    const folders = new Set<string>();
    const all = rows.flatMap((file): Entry[] => {
      const slash = delimiter ? file.fileName.indexOf("/", prefix.length) : -1;
      if (slash < 0) return [{ file }];
      const folder = file.fileName.slice(0, slash + 1);
      if (folders.has(folder)) return [];
      folders.add(folder);
      return [{ folder }];
    });
    const from = Number(cursor ?? 0);
    const page = all.slice(from, from + pageSize);
    return {
      files: page.flatMap(({ file }) => file ?? []),
      folders: delimiter && page.flatMap(({ folder }) => folder ?? []),
      nextCursor: from + pageSize < all.length ? String(from + pageSize) : null,
    };
  };

  client = {
    listPage: this.listPage,
    usage: async () => ({ files: 0, bytes: 0, quotaBytes: null }),
    removeMany: async (ids: string[]) => {
      if (this.fails) throw new Error("It is down.");
      this.deleted.push(...ids);
      this.files = this.files.filter(({ id }) => !ids.includes(id));
    },
  } as unknown as Client;
}

let held: Held;
const failed = vi.fn();
beforeEach(() => {
  held = new Held();
  failed.mockReset();
});

async function open(deployment: Deployment, query: Partial<Library["query"]> = {}): Promise<Library> {
  const library = new Library(deployment.client, held, () => {}, failed);
  await library.reload({ folder: "", q: "", type: "", sort: "name", ...query });
  return library;
}

const names = (library: Library) => library.shown.map(({ file, folder }) => file?.fileName ?? folder);
const many = (count: number) => Array.from({ length: count }, (_, n) => `${String(n).padStart(5, "0")}.txt`);

test("a folder shows its folders and files in one order", async () => {
  const deployment = new Deployment(["b.txt", "a/x", "c/y/z", "c.txt", "a/w", "c/k"]);
  expect(names(await open(deployment))).toEqual(["a/", "b.txt", "c.txt", "c/"]);
  expect(names(await open(deployment, { folder: "c/" }))).toEqual(["c/k", "c/y/"]);
  expect(deployment.requests.at(-1)).toMatchObject({ prefix: "c/", delimiter: "/" });
});

test("each view asks for what the API can combine", async () => {
  const deployment = new Deployment(["a/x"]);
  const asked = async (query: Partial<Library["query"]>) => {
    await open(deployment, query);
    const { pageSize, cursor, ...rest } = deployment.requests.at(-1) ?? {};
    return rest;
  };
  expect(await asked({ folder: "a/", type: "image/" })).toEqual({ sort: "name", prefix: "a/", contentType: "image/" });
  expect(await asked({ sort: "newest", folder: "a/" })).toEqual({ contentType: "" });
  expect(await asked({ q: "x", folder: "a/", type: "text/" })).toEqual({ q: "x", contentType: "text/" });
});

test("select all selects all 2,001 files, not only those that are loaded", async () => {
  const library = await open(new Deployment(many(2_001)));
  expect(library.shown.length).toBe(100);
  await library.selectAll();
  expect(library.selected.size).toBe(2_001);
  expect(library.state).toBe("end");
});

test("select all can be cancelled, and a failure keeps the files that were selected", async () => {
  const deployment = new Deployment(many(500));
  const library = await open(deployment);
  const selecting = library.selectAll();
  library.clearSelection();
  await selecting;
  expect(library.selected.size).toBe(0);
  deployment.fails = true;
  const other = new Library(deployment.client, held, () => {}, failed);
  await other.reload();
  await other.selectAll();
  expect([other.selected.size, other.state]).toEqual([0, "failed"]);
});

test("after a delete of many that failed halfway, the list shows what is left", async () => {
  const deployment = new Deployment(many(5));
  const library = await open(deployment);
  const ids = library.files.map(({ id }) => id);
  deployment.client.removeMany = async () => {
    deployment.files = deployment.files.slice(2);
    throw new Error("It is down.");
  };
  await library.remove(ids).hold.run();
  expect(names(library)).toEqual(many(5).slice(2));
  expect(library.unconfirmed).toBe(0);
  expect(failed).toHaveBeenCalledWith("Not all files were deleted: It is down.");
});

test("shift selects a range, in both directions", async () => {
  const library = await open(new Deployment(many(20)));
  const id = (n: number) => library.files[n]?.id ?? "";
  library.toggle(id(12));
  library.selectTo(id(8));
  expect([...library.selected].sort()).toEqual([8, 9, 10, 11, 12].map(id));
  // Another range from the same file replaces the last one. What was selected before stays.
  library.selectTo(id(14));
  expect([...library.selected].sort()).toEqual([12, 13, 14].map(id));
  library.toggle(id(3));
  library.selectTo(id(5));
  library.selectTo(id(4));
  expect([...library.selected].sort()).toEqual([3, 4, 12, 13, 14].map(id));
});

test("an upload appears where it belongs: as a file, as its folder, or not at all", async () => {
  const deployment = new Deployment(["b.txt", "d.txt"]);
  const library = await open(deployment);
  library.add(deployment.put("c.txt"));
  library.add(deployment.put("a/x.txt"));
  library.add(deployment.put("a/y.txt"));
  expect(names(library)).toEqual(["a/", "b.txt", "c.txt", "d.txt"]);
  const inside = await open(deployment, { folder: "a/" });
  inside.add(deployment.put("z.txt"));
  inside.add(deployment.put("a/b/c.txt"));
  expect(names(inside)).toEqual(["a/b/", "a/x.txt", "a/y.txt"]);
  const newest = await open(deployment, { sort: "newest", type: "image/" });
  newest.add(deployment.put("no.txt"));
  newest.add(deployment.put("dot.png", "image/png"));
  expect(names(newest)).toEqual(["dot.png"]);
});

test("an upload whose place is not loaded yet appears once, with its page", async () => {
  const deployment = new Deployment(many(150));
  const library = await open(deployment);
  const late = deployment.put("00120.a.txt");
  library.add(late);
  expect(library.shown.length).toBe(100);
  await library.more();
  expect(names(library)).toEqual([...many(150), "00120.a.txt"].sort());
});

test("a refresh shows what another device has changed, and keeps the selection that is left", async () => {
  const deployment = new Deployment(["a.txt", "b.txt"]);
  const library = await open(deployment);
  const [a, b] = library.files;
  await library.toggle(a?.id ?? "");
  await library.toggle(b?.id ?? "");
  deployment.files.shift();
  deployment.put("c.txt");
  await library.refresh();
  expect(names(library)).toEqual(["b.txt", "c.txt"]);
  expect([...library.selected]).toEqual([b?.id]);
  deployment.fails = true;
  await library.refresh();
  expect(names(library)).toEqual(["b.txt", "c.txt"]);
});

test("a delete that fails brings its files back and says so; an undone one sends nothing", async () => {
  const deployment = new Deployment(["a.txt", "b.txt"]);
  const library = await open(deployment);
  const ids = library.files.map(({ id }) => id);
  const first = library.remove(ids);
  expect(names(library)).toEqual([]);
  expect(first.hold.undo()).toBe(true);
  expect(names(library)).toEqual(["a.txt", "b.txt"]);
  deployment.fails = true;
  await library.remove(ids).hold.run();
  expect(names(library)).toEqual(["a.txt", "b.txt"]);
  expect(failed).toHaveBeenCalledWith("Not all files were deleted: It is down.");
  deployment.fails = false;
  await library.remove(ids).hold.run();
  expect(deployment.deleted).toEqual(ids);
});

test("a response for a previous view is ignored", async () => {
  const deployment = new Deployment(["a/x.txt", "b.txt"]);
  const library = await open(deployment);
  const slow = library.reload({ ...library.query, folder: "a/" });
  await library.reload({ ...library.query, folder: "" });
  await slow;
  expect(names(library)).toEqual(["a/", "b.txt"]);
});
