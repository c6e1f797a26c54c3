/** What a drop contains: what is uploaded, and what is said about the rest. */
import { expect, test } from "vitest";
import { picked, remarks, transferred } from "../src/drop.ts";

type Tree = { [name: string]: Tree | "file" | "unreadable" };

/** A folder as browsers offer it: in portions, and with entries that cannot be read. */
function entry(name: string, content: Tree[string], path = `/${name}`): FileSystemEntry {
  const base = { name, fullPath: path };
  if (typeof content === "string") {
    const read = (resolve: (file: File) => void, reject: (error: Error) => void) =>
      content === "file" ? resolve(new File([name], name)) : reject(new Error("NotFoundError"));
    return { ...base, isFile: true, isDirectory: false, file: read } as unknown as FileSystemEntry;
  }
  const left = Object.entries(content).map(([child, below]) => entry(child, below, `${path}/${child}`));
  const createReader = () => ({
    readEntries: (resolve: (entries: FileSystemEntry[]) => void) => resolve(left.splice(0, 2)),
  });
  return { ...base, isFile: false, isDirectory: true, createReader } as unknown as FileSystemEntry;
}

function drop(tree: Tree) {
  const items = Object.entries(tree).map(([name, content]) => ({
    kind: "file",
    webkitGetAsEntry: () => entry(name, content),
    getAsFile: () => null,
  }));
  return transferred({ items } as unknown as DataTransfer);
}

test("one entry that cannot be read is named, and everything else is uploaded", async () => {
  const found = await drop({
    Trip: { "a.txt": "file", "long.txt": "unreadable", Day: { "b.txt": "file" } },
    "c.txt": "file",
  });
  expect(found.files.map(({ name }) => name)).toEqual(["Trip/a.txt", "Trip/Day/b.txt", "c.txt"]);
  expect(remarks(found)).toEqual({
    text: expect.stringMatching(/Not readable, and not uploaded: .*Trip\/long\.txt.* Everything else is uploaded\./),
    isLoss: true,
  });
});

test("an empty folder says so", async () => {
  const found = await drop({ Nothing: {} });
  expect(found.files).toEqual([]);
  expect(remarks(found)).toEqual({ text: expect.stringContaining("Nothing to upload in"), isLoss: false });
});

test("files of the operating system are left out of drops and chosen folders", async () => {
  const found = await drop({ Trip: { ".DS_Store": "file", "Thumbs.db": "file", "._a.txt": "file", "a.txt": "file" } });
  expect(found.files.map(({ name }) => name)).toEqual(["Trip/a.txt"]);
  expect(remarks(found)).toBeUndefined();
  const chosen = picked([new File(["x"], "desktop.ini"), new File(["x"], ".DS_Store"), new File(["x"], "a.txt")]);
  expect(chosen.files.map(({ name }) => name)).toEqual(["a.txt"]);
  // Alone, it would look as if nothing had happened.
  expect(remarks(picked([new File(["x"], "Thumbs.db")]))?.text).toContain("Thumbs.db");
});

test("of many unreadable entries, three are named", async () => {
  const found = await drop(Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`${n}.txt`, "unreadable"])));
  expect(remarks(found)?.text).toContain("and 6 more");
});
