/** Copies a text that is not known yet. */

/**
 * Copies what `text` resolves with. Safari writes to the clipboard only during a click: a `ClipboardItem` takes the
 * promise, where a `writeText` after `await` is refused. Browsers without it (Firefox before 127) allow the latter.
 */
export async function copy(text: Promise<string>): Promise<void> {
  if (typeof ClipboardItem === "function" && navigator.clipboard?.write) {
    const blob = text.then((words) => new Blob([words], { type: "text/plain" }));
    // Reported by `text`, which the caller awaits.
    blob.catch(() => undefined);
    const written = navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    written.catch(() => undefined);
    await text;
    return written;
  }
  await navigator.clipboard.writeText(await text);
}

/** Downloads an attachment. A frame, because a navigation of the page would ask whether to leave it during an upload. */
export function save(url: string): void {
  const frame = document.createElement("iframe");
  Object.assign(frame, { src: url, hidden: true, title: "Download", tabIndex: -1 });
  document.body.append(frame);
  // The download has begun by then, and does not need the frame any more.
  setTimeout(() => frame.remove(), 60_000);
}
