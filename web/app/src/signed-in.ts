/** The page of a signed-in user: its state, its rendering, and the events of the window. */
import { createClient, SlipwayError, type StoredFile, UploadQueue } from "@slipway/client";
import { html, render } from "lit";
import type { Config } from "./config.ts";
import { named, type Picked, picked, transferred } from "./drop.ts";
import * as format from "./format.ts";
import { Held, UNDO_MS } from "./held.ts";
import { Library } from "./library.ts";
import type { Page } from "./page.ts";
import type { Session } from "./session.ts";
import { say } from "./toasts.ts";
import { fits, lastOf, Unfinished } from "./unfinished.ts";
import { dropZone } from "./views/drop-zone.ts";
import { header } from "./views/header.ts";
import { library } from "./views/library.ts";
import { preview } from "./views/preview.ts";
import { problem, queue } from "./views/queue.ts";
import { unfinished } from "./views/unfinished.ts";

/** Renders the page into `root`, and returns a function that renders it again. `over` is called when the session ends. */
export function signedIn(root: HTMLElement, config: Config, session: Session, over: (why: string) => void): () => void {
  let leaving = false;
  let due = false;
  let ended = false;
  const draw = () => {
    due = false;
    drawn = performance.now();
    if (!ended) render(view(page), root);
  };
  // User actions are rendered at once. Progress is rendered about ten times a second.
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
    // A request made while the page is closed must outlive it.
    fetch: async (input, init) => {
      const response = await fetch(input, { ...init, keepalive: leaving });
      if (response.status === 401 && String(input).startsWith(config.api)) refused();
      return response;
    },
  });
  const refused = async () => {
    // The client requests a fresh token by itself. The session is over only if that one is refused as well.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const works = await client.usage().then(
      () => true,
      (error) => !(error instanceof SlipwayError && error.status === 401),
    );
    if (works || ended) return;
    ended = true;
    await session.forget();
    over(
      "Your session has ended. Sign in again to go on; unfinished uploads continue when you choose their files again.",
    );
  };
  const failed = (message: string) => say(message, { variant: "danger" });
  const held = new Held();
  const page: Page = {
    client,
    session,
    view: localStorage.getItem("slipway-view") === "list" ? "list" : "grid",
    dragging: false,
    changed,
    say,
    held,
    library: new Library(client, held, changed, failed),
    unfinished: new Unfinished(client, held, changed, failed),
    uploads: new UploadQueue(client),
    remove(ids) {
      const { files, undo } = page.library.remove(ids);
      const what =
        files.length === 1 ? `“${files[0]?.fileName}” deleted` : `${format.count(files.length, "file")} deleted`;
      say(what, { duration: UNDO_MS, action: { label: "Undo", run: undo } });
    },
    discard(left) {
      const undo = page.unfinished.discard(left);
      say(`“${left.upload.fileName}” discarded`, { duration: UNDO_MS, action: { label: "Undo", run: undo } });
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
      ask({ multiple: true, webkitdirectory: folder }, (files) => page.uploads.add(picked(files)));
    },
    resume(upload) {
      ask({}, ([file]) => {
        const { id, fileName: name, size } = upload;
        if (file && fits(file, upload)) page.uploads.add([{ file, name, uploadId: id }]);
        else failed(`Not the same file. “${lastOf(name)}” with ${format.bytes(size)} was begun.`);
      });
    },
  };
  let measuring: ReturnType<typeof setTimeout> | undefined;
  const measureSoon = () => {
    clearTimeout(measuring);
    measuring = setTimeout(() => void page.library.measure(), 400);
  };
  page.uploads.on("change", changed);
  page.uploads.on("failed", (upload) => failed(`${upload.name}: ${problem(upload)}`));
  page.uploads.on("done", ({ stored }) => {
    if (!stored) return;
    page.unfinished.forget(stored.id);
    page.library.add(stored);
    void measureSoon();
  });
  listen(page, () => {
    leaving = true;
  });
  draw();
  void page.library.reload();
  void page.library.measure();
  void page.unfinished.load();
  return changed;
}

function view(page: Page) {
  return html`
    ${header(page)}
    <main><h1 class="sr">Your files</h1>${dropZone(page)} ${queue(page)} ${unfinished(page)} ${library(page)}</main>
    ${preview(page)}
  `;
}

/** Opens the browser's file dialogue. */
function ask(how: Partial<HTMLInputElement>, chosen: (files: File[]) => void): void {
  const input = document.createElement("input");
  Object.assign(input, { ...how, type: "file" });
  input.addEventListener("change", () => chosen([...(input.files ?? [])]));
  input.click();
}

async function tell(work: () => Promise<void>): Promise<void> {
  await work().catch((error: Error) => say(error.message, { variant: "danger" }));
}

/** The URL is an attachment, so the browser downloads it. */
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
    void page.held.flush();
  });
  window.addEventListener("beforeunload", (event) => {
    const { waiting, uploading } = page.uploads.snapshot.totals;
    if (waiting + uploading > 0) event.preventDefault();
  });
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
