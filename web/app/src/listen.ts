/** The events of the window: drags, pastes, keys, and leaving. */
import { named, transferred } from "./drop.ts";
import { keyOf } from "./library.ts";
import type { Page } from "./page.ts";
import { moveTo } from "./views/entry.ts";

/** The most files that one request deletes. */
const ONE_REQUEST = 1_000;

/** How long the page must have been out of sight before it lists its files again. */
const STALE_MS = 15_000;

/** `leave` is called when the page is closed. */
export function listen(page: Page, leave: () => void): void {
  drags(page);
  window.addEventListener("paste", (event) => {
    if (isTyping(event)) return;
    const { clipboardData } = event;
    if (!clipboardData?.files.length) return;
    void transferred(clipboardData).then((found) => page.upload({ ...found, files: named(found.files) }));
  });
  window.addEventListener("keydown", (event) => keys(page, event));
  // The browser knows at once; the next request would notice it after its timeout.
  window.addEventListener("online", () => {
    page.draw();
    void page.library.refresh();
  });
  window.addEventListener("offline", page.draw);
  // Uploads that stand still send no events, so the page checks them itself.
  setInterval(() => {
    const { waiting, uploading } = page.uploads.snapshot.totals;
    if (waiting + uploading > 0) page.changed();
  }, 1_000);
  returns(page);
  window.addEventListener("pagehide", () => {
    leave();
    page.library.keepDeletes();
    void page.held.flush();
  });
  window.addEventListener("beforeunload", (event) => {
    const { waiting, uploading, paused } = page.uploads.snapshot.totals;
    // A request that outlives the page deletes at most a thousand files.
    const isAtWork = waiting + uploading + paused > 0 || page.library.unconfirmed > ONE_REQUEST;
    if (isAtWork && !page.isOver) event.preventDefault();
  });
}

function drags(page: Page): void {
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
  const here = () => page.route.folder;
  const over = (target: string | undefined) => {
    if (target === page.target) return;
    page.target = target;
    page.draw();
  };
  /** The folder under the pointer, else the one that is shown. */
  const at = (event: DragEvent) =>
    (event.target as Element | null)?.closest?.<HTMLElement>("[data-folder]")?.dataset.folder ?? here();
  for (const type of ["dragenter", "dragover"] as const) {
    window.addEventListener(type, (event) => {
      event.preventDefault();
      if (hasFiles(event)) over(at(event));
    });
  }
  window.addEventListener("dragleave", (event) => {
    // Only out of the window is there nothing that is entered instead.
    if (!event.relatedTarget) over(undefined);
  });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    const folder = at(event);
    over(undefined);
    if (event.dataTransfer && hasFiles(event)) {
      void transferred(event.dataTransfer).then((found) => page.upload(found, folder));
    }
  });
}

/** Lists again what another device may have changed, when the user comes back. */
function returns(page: Page): void {
  let left = Date.now();
  let flushing: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(flushing);
    if (document.visibilityState === "hidden") {
      left = Date.now();
      // The clock of a message stands still while the page is hidden. A delete must not wait for it for hours.
      flushing = setTimeout(() => void page.held.flush(), STALE_MS);
    } else back();
  });
  window.addEventListener("blur", () => {
    left = Date.now();
  });
  window.addEventListener("focus", back);
  function back(): void {
    if (Date.now() - left < STALE_MS) return;
    left = Date.now();
    void page.library.refresh();
  }
}

function isTyping(event: Event): boolean {
  const at = event.target as Element | null;
  return Boolean(at?.closest?.("input:not([type=checkbox]), textarea, select, wa-input, [contenteditable]"));
}

function keys(page: Page, event: KeyboardEvent): void {
  const { library } = page;
  if (isTyping(event) || event.defaultPrevented) return;
  const isCommand = event.ctrlKey || event.metaKey;
  if (event.key.toLowerCase() === "z" && isCommand && !event.shiftKey && page.held.last) {
    event.preventDefault();
    page.held.last.undo();
    return;
  }
  if (page.open || page.panel || page.menu) return;
  if (event.key === "Delete") {
    const { current } = page;
    const isAtFile = current && (event.target as Element).closest(".file");
    // "Select all" is still loading: what is selected so far is not what the user means.
    if (library.isSelectingAll) return;
    const ids = library.selected.size > 0 ? [...library.selected] : isAtFile ? [current] : [];
    if (ids.length === 0) return;
    const at = library.shown.findIndex((each) => keyOf(each) === current);
    page.remove(ids);
    // The neighbour gets the focus, which would otherwise move to the top of the page.
    moveTo(page, Math.min(Math.max(at, 0), library.shown.length - 1));
  }
  if (event.key === "F2" && page.current && (event.target as Element).closest(".file")) {
    const file = library.find(page.current);
    if (file) page.panel = { kind: "rename", file };
    page.draw();
  }
  if (event.key === "Escape" && library.selected.size > 0) library.clearSelection();
  if (event.key.toLowerCase() === "a" && isCommand) {
    event.preventDefault();
    void library.selectAll();
  }
}
