/** Reads files from an input, a drop (with its folders) or a paste. */
import { plain } from "./names.ts";

/** A file and the name to store, including the path of its folders. */
export interface Picked {
  file: File;
  name: string;
}

/** What a drop contained. */
export interface Dropped {
  files: Picked[];
  /** Paths of entries that the browser could not read. */
  unreadable: string[];
  /** Paths of folders without anything to upload. */
  empty: string[];
  /** Paths of files that a system has made for itself. */
  junk: string[];
}

/** Files that Windows and macOS put into folders, and that a person never means. */
const JUNK = /^(\.DS_Store|Thumbs\.db|ehthumbs\.db|desktop\.ini|\._.*)$/i;

const isJunk = (name: string) => JUNK.test(name.split("/").at(-1) ?? "");

/** Reads an `<input type="file">`, with or without `webkitdirectory`. */
export function picked(files: Iterable<File>): Dropped {
  const all = [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  const found = { files: [], unreadable: [], empty: [], junk: [] };
  return sorted(all, found);
}

/** Reads a drop or a paste. The entries are collected at once, because the browser invalidates them after the event. */
export async function transferred(data: DataTransfer): Promise<Dropped> {
  const entries = [...data.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  const found: Dropped = { files: [], unreadable: [], empty: [], junk: [] };
  for (const { entry, file } of entries) {
    if (entry) sorted(await walk(entry, found), found);
    else if (file) sorted([{ file, name: file.name }], found);
  }
  return found;
}

function sorted(all: Picked[], found: Dropped): Dropped {
  for (const each of all) {
    if (isJunk(each.name)) found.junk.push(each.name);
    else found.files.push(each);
  }
  return found;
}

const pathOf = (entry: FileSystemEntry) => entry.fullPath.replace(/^\/+/, "") || entry.name;

/** One entry that cannot be read (a path over 260 characters on Windows, a missing permission) must not stop the others. */
async function walk(entry: FileSystemEntry, found: Dropped): Promise<Picked[]> {
  const name = pathOf(entry);
  try {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      return [{ file, name }];
    }
    const children = await entriesOf(entry as FileSystemDirectoryEntry);
    const files: Picked[] = [];
    for (const child of children) files.push(...(await walk(child, found)));
    if (!children.some((child) => !isJunk(child.name))) found.empty.push(name);
    return files;
  } catch {
    found.unreadable.push(name);
    return [];
  }
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // The browser returns at most a hundred entries per call.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** What to say about a drop; nothing if everything is uploaded. `isLoss` if a file that was meant is missing. */
export function remarks({ files, unreadable, empty, junk }: Dropped): { text: string; isLoss: boolean } | undefined {
  const parts: string[] = [];
  if (unreadable.length > 0) parts.push(`Not readable, and not uploaded: ${some(unreadable)}.`);
  if (empty.length > 0) parts.push(`Nothing to upload in ${some(empty)}: empty folders are not kept.`);
  if (junk.length > 0 && files.length === 0 && parts.length === 0) {
    parts.push(`Not uploaded: ${some(junk)}, which the system keeps for itself.`);
  }
  if (parts.length === 0) return undefined;
  if (unreadable.length > 0 && files.length > 0) parts.push("Everything else is uploaded.");
  return { text: parts.join(" "), isLoss: unreadable.length > 0 };
}

function some(names: string[]): string {
  const first = names.slice(0, 3).map((name) => `“\u2068${plain(name)}\u2069”`);
  return names.length > 3 ? `${first.join(", ")} and ${names.length - 3} more` : first.join(", ");
}

/** Browsers name every pasted screenshot `image.png`, so each gets a name of its own. */
export function named(files: Picked[], now = new Date()): Picked[] {
  const stamp = now.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  return files.map((each) => (each.name === "image.png" ? { ...each, name: `Screenshot ${stamp}.png` } : each));
}
