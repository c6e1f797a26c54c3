/** Reads files from an input, a drop (with its folders) or a paste. */

/** A file and the name to store, including the path of its folders. */
export interface Picked {
  file: File;
  name: string;
}

/** Reads an `<input type="file">`, with or without `webkitdirectory`. */
export function picked(files: Iterable<File>): Picked[] {
  return [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

/** Reads a drop or a paste. The entries are collected at once, because the browser invalidates them after the event. */
export async function transferred(data: DataTransfer): Promise<Picked[]> {
  const entries = [...data.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  const found = await Promise.all(
    entries.map(({ entry, file }) => (entry ? walk(entry) : file ? [{ file, name: file.name }] : [])),
  );
  return found.flat();
}

async function walk(entry: FileSystemEntry): Promise<Picked[]> {
  const name = entry.fullPath.replace(/^\/+/, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, name }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Picked[] = [];
  for (;;) {
    // The browser returns at most a hundred entries per call.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const child of some) found.push(...(await walk(child)));
  }
}

/** Browsers name every pasted screenshot `image.png`, so each gets a name of its own. */
export function named(files: Picked[], now = new Date()): Picked[] {
  const stamp = now.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  return files.map((each) => (each.name === "image.png" ? { ...each, name: `Screenshot ${stamp}.png` } : each));
}
