/** Files out of what a browser hands over: picked, dropped with their folders, or pasted. */

/** A file and the name to keep: with its folders, where it came in some. */
export interface Picked {
  file: File;
  name: string;
}

/** Of an `<input type="file">`, with `webkitdirectory` or without. */
export function picked(files: Iterable<File>): Picked[] {
  return [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

/** Of a drop or a paste. What the browser gives holds only until the event is over, so that it is taken out at once. */
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
    // A hundred at a time, until there are none.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const child of some) found.push(...(await walk(child)));
  }
}

/** A pasted screenshot is always `image.png`: give each a name of its own. */
export function named(files: Picked[], now = new Date()): Picked[] {
  const stamp = now.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  return files.map((each) => (each.name === "image.png" ? { ...each, name: `Screenshot ${stamp}.png` } : each));
}
