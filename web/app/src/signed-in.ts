/** The page of somebody who is signed in: the state, its drawing, and what the whole window hears. */
import { createClient, SlipwayError, type StoredFile } from "@slipway/client";
import { html, render } from "lit";
import type { Config } from "./config.ts";
import { named, type Picked, picked, transferred } from "./drop.ts";
import * as format from "./format.ts";
import { Library, UNDO_MS } from "./library.ts";
import type { Page } from "./page.ts";
import type { Session } from "./session.ts";
import { say } from "./toasts.ts";
import { Uploads } from "./uploads.ts";
import { dropZone } from "./views/drop-zone.ts";
import { header } from "./views/header.ts";
import { library } from "./views/library.ts";
import { preview } from "./views/preview.ts";
import { queue } from "./views/queue.ts";

/** Draws the page into `root`, and returns what draws it again. `over` ends it, when the session does. */
export function signedIn(root: HTMLElement, config: Config, session: Session, over: (why: string) => void): () => void {
  let leaving = false;
  let due = false;
  let ended = false;
  const draw = () => {
    due = false;
    drawn = performance.now();
    if (!ended) render(view(page), root);
  };
  // What a person does shows at once; of what reports by itself, some ten a second are enough.
  let drawn = 0;
  const changed = () => {
    if (due) return;
    due = true;
    const wait = Math.max(drawn + 100 - performance.now(), 0);
    setTimeout(() => requestAnimationFrame(draw), wait);
  };
  const client = createClient({
    url: config.api,
    token: (refused) => session.token(refused),
    // A request made while the page is left must outlive it.
    fetch: async (input, init) => {
      const response = await fetch(input, { ...init, keepalive: leaving });
      if (response.status === 401 && String(input).startsWith(config.api)) refused();
      return response;
    },
  });
  const refused = async () => {
    // The client asks for a fresh token by itself; only if that is no good either is it over.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const works = await client.usage().then(
      () => true,
      (error) => !(error instanceof SlipwayError && error.status === 401),
    );
    if (works || ended) return;
    ended = true;
    await session.signOut();
    over(
      "Your session has ended. Sign in again to go on; unfinished uploads continue when you choose their files again.",
    );
  };
  const page: Page = {
    client,
    session,
    view: localStorage.getItem("slipway-view") === "list" ? "list" : "grid",
    dragging: false,
    changed,
    say,
    library: new Library(client, changed, (message) => say(message, { variant: "danger" })),
    uploads: new Uploads(
      client,
      changed,
      (file) => {
        page.library.add(file);
        void measureSoon();
      },
      ({ name, problem }) => say(`${name}: ${problem}`, { variant: "danger" }),
    ),
    remove(ids) {
      const { files, undo } = page.library.remove(ids);
      const what =
        files.length === 1 ? `“${files[0]?.fileName}” deleted` : `${format.count(files.length, "file")} deleted`;
      say(what, { duration: UNDO_MS, action: { label: "Undo", run: undo } });
    },
    async download(file) {
      await tell(async () => save(await client.get(file.id, { download: true })));
    },
    async copyLink(file) {
      await tell(async () => {
        const { url, urlExpiresAt } = await client.get(file.id);
        await navigator.clipboard.writeText(url ?? "");
        const end = urlExpiresAt ? ` It works until ${format.day(urlExpiresAt)}.` : "";
        say(`Link copied.${end}`, { variant: "success" });
      });
    },
    choose(folder) {
      const input = document.createElement("input");
      Object.assign(input, { type: "file", multiple: true, webkitdirectory: folder });
      input.addEventListener("change", () => page.uploads.add(picked(input.files ?? [])));
      input.click();
    },
  };
  let measuring: ReturnType<typeof setTimeout> | undefined;
  const measureSoon = () => {
    clearTimeout(measuring);
    measuring = setTimeout(() => void page.library.measure(), 400);
  };
  listen(page, () => {
    leaving = true;
  });
  draw();
  void page.library.reload();
  void page.library.measure();
  void remind(page);
  return changed;
}

function view(page: Page) {
  return html`
    ${header(page)}
    <main><h1 class="sr">Your files</h1>${dropZone(page)} ${queue(page)} ${library(page)}</main>
    ${preview(page)}
  `;
}

/** What was begun before a reload goes on once its file is chosen again: a page may not open it by itself. */
async function remind(page: Page): Promise<void> {
  const names: string[] = [];
  try {
    for await (const { fileName } of page.client.unfinished()) names.push(fileName);
  } catch {
    return;
  }
  if (names.length === 0) return;
  const what = names.length === 1 ? `“${names[0]}” is` : `${names.length} uploads are`;
  page.say(`${what} unfinished. Choose or drop the same file again, and it goes on where it stopped.`, {
    duration: 12_000,
  });
}

async function tell(work: () => Promise<void>): Promise<void> {
  await work().catch((error: Error) => say(error.message, { variant: "danger" }));
}

/** The URL answers as an attachment, so that the browser's own download takes it. */
function save(file: StoredFile): void {
  const link = document.createElement("a");
  Object.assign(link, { href: file.url ?? "", download: file.fileName });
  link.click();
}

function listen(page: Page, leave: () => void): void {
  const add = (files: Picked[]) => files.length > 0 && page.uploads.add(files);
  let depth = 0;
  const drag = (by: number) => {
    depth = by === 0 ? 0 : Math.max(depth + by, 0);
    page.dragging = depth > 0;
    page.changed();
  };
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragenter", (event) => hasFiles(event) && drag(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && drag(-1));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    drag(0);
    if (event.dataTransfer) void transferred(event.dataTransfer).then(add);
  });
  window.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) void transferred(event.clipboardData).then((files) => add(named(files)));
  });
  window.addEventListener("keydown", (event) => keys(page, event));
  window.addEventListener("pagehide", () => {
    leave();
    void page.library.flush();
  });
  window.addEventListener("beforeunload", (event) => page.uploads.active && event.preventDefault());
}

function keys(page: Page, event: KeyboardEvent): void {
  const { library } = page;
  if (page.open || (event.target as Element).closest("input:not([type=checkbox]), textarea, select")) return;
  if (event.key === "Delete" && library.selected.size > 0) page.remove([...library.selected]);
  if (event.key === "Escape" && library.selected.size > 0) library.selectAll(false);
  if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    library.selectAll(true);
  }
}
