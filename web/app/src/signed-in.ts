/** The page of a signed-in user: its state, its actions, and its rendering. */
import { createClient, SlipwayError, UploadQueue } from "@slipway/client";
import { html, render } from "lit";
import type { Config } from "./config.ts";
import { picked, remarks } from "./drop.ts";
import { Failures } from "./failures.ts";
import * as format from "./format.ts";
import { Held, type Hold } from "./held.ts";
import { isSignedOut, Library } from "./library.ts";
import { listen } from "./listen.ts";
import { Movement } from "./movement.ts";
import { lastOf, quoted } from "./names.ts";
import type { Page } from "./page.ts";
import { Previews } from "./previews.ts";
import * as address from "./route.ts";
import type { Session } from "./session.ts";
import { copy, save } from "./share.ts";
import { type Place, Steps } from "./steps.ts";
import { say } from "./toasts.ts";
import { fits, Unfinished } from "./unfinished.ts";
import { dropTarget, dropZone } from "./views/drop-zone.ts";
import { focusEntry } from "./views/entry.ts";
import { header } from "./views/header.ts";
import { isNew, library, loading } from "./views/library.ts";
import { menu } from "./views/menu.ts";
import { panels } from "./views/panels.ts";
import { keepKeyboard, preview } from "./views/preview.ts";
import { problem, queue } from "./views/queue.ts";
import { unfinished } from "./views/unfinished.ts";
import { Rows } from "./virtual.ts";

/** How long a delete can be undone. */
const UNDO_MS = 8_000;

/** Renders the page into `root`, and returns a function that renders it again. `over` is called when the session ends. */
export function signedIn(root: HTMLElement, config: Config, session: Session, over: (why: string) => void): () => void {
  let isLeaving = false;
  let isDue = false;
  let isOver = false;
  /** Whether the API has accepted the token. Until then nothing of the page is shown. */
  let isAccepted = false;
  let drawn = 0;
  let isDrawing = false;
  const draw = () => {
    // Removing what has the focus fires events inside of a rendering, which must not begin another one.
    if (isDrawing) return changed();
    isDue = false;
    drawn = performance.now();
    isDrawing = true;
    try {
      if (!isOver) render(isAccepted ? view(page) : opening(page), root);
    } finally {
      isDrawing = false;
    }
  };
  // User actions are rendered at once. Progress is rendered about ten times a second.
  const changed = () => {
    if (isDue) return;
    isDue = true;
    const wait = Math.max(drawn + 100 - performance.now(), 0);
    setTimeout(() => requestAnimationFrame(draw), wait);
  };
  const connection = {
    url: config.api,
    token: (refused?: string) => session.token(refused),
    // A request made while the page is closed must outlive it.
    fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
      const response = await fetch(input, { ...init, keepalive: isLeaving });
      if (response.status === 401 && String(input).startsWith(config.api) && isAccepted) void refused();
      return response;
    },
  };
  const client = createClient(connection);
  const listing = createClient({ ...connection, onRetry: (retry) => page.library.retries(retry) });
  const end = async (why: string) => {
    if (isOver) return;
    isOver = true;
    page.isOver = true;
    page.uploads.pause();
    page.rows.stop();
    await session.forget();
    over(why);
  };
  const refused = async () => {
    // The client requests a fresh token by itself. The session is over only if that one is refused as well.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const works = await client.usage().then(
      () => true,
      (error) => !isSignedOut(error),
    );
    if (!works) await end(ENDED);
  };
  const failed = (message: string) => void say(message, { variant: "danger" });
  /** Offers to undo an action, for as long as it waits and not a moment longer. */
  const undoable = (message: string, hold: Hold) => {
    const said = say(message, {
      duration: UNDO_MS,
      action: {
        label: "Undo",
        run: () => hold.undo() || failed("Too late: it is done already, and cannot be undone."),
      },
      gone: () => void hold.run(),
    });
    hold.over.then(said.hide);
  };
  const held = new Held();
  const page: Page = {
    client,
    session,
    route: address.read(location.search),
    changed,
    draw,
    say,
    held,
    movement: new Movement(),
    rows: new Rows(() => draw()),
    library: new Library(listing, held, changed, failed),
    previews: new Previews(
      () => page.library.refresh(),
      (id) => page.library.find(id),
    ),
    unfinished: new Unfinished(client, held, changed, failed),
    uploads: new UploadQueue(client),
    go(change, { replace = false } = {}) {
      const before = page.route;
      // A search looks into all folders, so one leaves it by opening a folder.
      const route = { ...before, ...("folder" in change ? { q: "", sort: "name" as const } : {}), ...change };
      page.route = route;
      if (replace) steps.replace(urlOf(route));
      else steps.push(urlOf(route));
      if (change.view) address.keepView(change.view);
      apply(before);
    },
    show(file) {
      if (file?.id === page.open?.id) return;
      const isOpen = page.open !== undefined;
      page.open = file;
      page.route = { ...page.route, file: file?.id };
      const url = urlOf(page.route);
      // Back closes the preview: it has a step of its own, which closing it takes back.
      if (!file) steps.close(url);
      else if (isOpen) steps.replace(url);
      else steps.push(url, true);
      draw();
    },
    upload(dropped, folder = page.route.folder) {
      const remark = remarks(dropped);
      if (remark) say(remark.text, { variant: remark.isLoss ? "danger" : "neutral", duration: 12_000 });
      if (dropped.files.length === 0) return;
      const wanted = dropped.files.map(({ file, name }) => ({ file, name: folder + name }));
      // Names are not unique, and an upload does not replace a file of the same name.
      const names = new Set(page.library.files.map(({ fileName }) => fileName));
      const isAgain = ({ name }: { name: string }) => names.has(name) || !names.add(name);
      const again = wanted.filter(isAgain).map(({ name }) => quoted(lastOf(name)));
      if (again.length === 1) say(`There is a file ${again[0]} already. Both are kept.`);
      if (again.length > 1)
        say(`${format.count(again.length, "file")} with the same names are there already. All are kept.`);
      page.uploads.add(wanted);
      draw();
    },
    remove(ids) {
      const { files, hold } = page.library.remove(ids);
      const [first] = files;
      const what = files.length === 1 && first ? quoted(lastOf(first.fileName)) : format.count(ids.length, "file");
      undoable(`${what} deleted`, hold);
      draw();
    },
    discard(left) {
      undoable(`${quoted(left.upload.fileName)} discarded`, page.unfinished.discard(left));
    },
    async rename(file, fileName) {
      const renamed = await client.rename(file.id, { fileName });
      const isTwice = page.library.files.some(({ id, fileName }) => id !== file.id && fileName === renamed.fileName);
      page.library.replace(renamed);
      const also = isTwice ? ". Another file has the same name." : "";
      say(`Renamed to ${quoted(lastOf(renamed.fileName))}${also}`, { variant: "success" });
    },
    async download(file) {
      await tell(async () => save((await client.get(file.id, { download: true })).url ?? ""));
    },
    async copyLink(file, seconds) {
      await tell(async () => {
        const got = client.get(file.id, seconds ? { urlSeconds: seconds } : {});
        await copy(got.then(({ url }) => url ?? ""));
        const { urlExpiresAt } = await got;
        const until = urlExpiresAt ? ` It works until ${format.day(urlExpiresAt)}.` : "";
        say(`Link copied.${until}`, { variant: "success" });
      });
    },
    choose(isFolder) {
      ask({ multiple: true, webkitdirectory: isFolder }, (files) => page.upload(picked(files)));
    },
    resume(upload) {
      ask({}, ([file]) => {
        const { id, fileName: name, size } = upload;
        if (file && fits(file, upload)) page.uploads.add([{ file, name, uploadId: id }]);
        else failed(`Not the same file. ${quoted(lastOf(name))} with ${format.bytes(size)} was begun.`);
      });
    },
    async signOut(isSure = false) {
      const { waiting, uploading, paused } = page.uploads.snapshot.totals;
      if (!isSure && waiting + uploading + paused > 0) {
        page.panel = { kind: "sign-out" };
        return draw();
      }
      // Nothing must ask again once the token is forgotten.
      page.uploads.pause();
      isLeaving = true;
      page.isOver = true;
      await held.flush();
      await session.signOut();
      location.reload();
    },
  };
  /** Shows what the route says, and lists again only if something else is listed. */
  const apply = (before: address.Route, place?: Place) => {
    const { folder, q, type, sort, file } = page.route;
    if (!file) page.open = undefined;
    else if (page.open?.id !== file) void showById(page, file);
    const isSame = (["folder", "q", "type", "sort"] as const).every((name) => before[name] === page.route[name]);
    if (!isSame) {
      window.scrollTo({ top: 0 });
      page.current = place?.key;
      const { route } = page;
      void page.library.reload({ folder, q, type, sort }, place?.count).then(() => {
        if (place && route === page.route) restore(place);
      });
    }
    draw();
  };
  const place = (): Place => ({ y: window.scrollY, count: page.library.shown.length, key: page.current });
  /** The list has its height once it is rendered and measured, which takes some frames. */
  const restore = (place: Place, frames = 30) => {
    const { y, key } = place;
    const { route } = page;
    draw();
    window.scrollTo({ top: y });
    if (Math.abs(window.scrollY - y) > 1 && frames > 0) {
      requestAnimationFrame(() => route === page.route && restore(place, frames - 1));
      return;
    }
    draw();
    if (document.activeElement === document.body && key) focusEntry(key);
  };
  const steps = new Steps(place, (there) => {
    const before = page.route;
    page.route = address.read(location.search);
    apply(before, there);
  });
  let measuring: ReturnType<typeof setTimeout> | undefined;
  const failures = new Failures(say, problem);
  /** Uploads that the view does not show, such as those that a search does not find. */
  const unseen: string[] = [];
  page.uploads.on("change", changed);
  page.uploads.on("failed", (upload) => failures.add(upload));
  page.uploads.on("done", ({ stored }) => {
    if (!stored) return;
    page.unfinished.forget(stored.id);
    page.previews.expect(stored);
    if (!page.library.add(stored)) unseen.push(stored.fileName);
    clearTimeout(measuring);
    measuring = setTimeout(() => void page.library.measure(), 400);
  });
  page.uploads.on("idle", () => {
    const [first] = unseen;
    const one = first && `${quoted(first)} was uploaded. This view does not show it.`;
    const many = `${format.number(unseen.length)} of the uploaded files are not shown in this view.`;
    if (one) say(unseen.length === 1 ? one : many, { duration: 12_000 });
    unseen.length = 0;
  });
  listen(page, () => {
    isLeaving = true;
  });
  keepKeyboard();
  draw();
  void open();

  /** The first answer decides whether this is a session at all. */
  async function open(): Promise<void> {
    const { folder, q, type, sort, file } = page.route;
    const before = steps.place;
    page.library.continueDeletes();
    await page.library.reload({ folder, q, type, sort }, before?.count);
    if (isSignedOut(page.library.problem)) {
      const why = page.library.problem?.message ?? "";
      await end(session.isNew ? `This token is not accepted. ${why}` : ENDED);
      return;
    }
    isAccepted = true;
    draw();
    if (before) restore(before);
    void page.library.measure();
    void page.unfinished.load();
    if (file) void showById(page, file);
  }
  return changed;
}

/** The address of a view. What the page does not know of in the address stays. */
const urlOf = (route: address.Route) => location.pathname + address.write(route, location.search);

const ENDED =
  "Your session has ended. Sign in again. Choose files again if their upload had not finished. Large files continue where they stopped.";

function opening({ library }: Page) {
  return html`${header()}<main class="opening">${loading(library, "Opening")}</main>`;
}

function view(page: Page) {
  return html`
    ${header(page)}
    <main>
      <h1 class="sr">Your files</h1>
      ${isNew(page) ? dropZone(page) : ""} ${queue(page)} ${unfinished(page)} ${library(page)} ${menu(page)}
    </main>
    ${preview(page)} ${panels(page)} ${dropTarget(page)}
  `;
}

/** Opens the file of an address, which need not be in the list. */
async function showById(page: Page, id: string): Promise<void> {
  const file = page.library.find(id) ?? (await page.client.get(id).catch((error) => error as Error));
  if (page.route.file !== id) return;
  if (file instanceof Error) {
    page.go({ file: undefined }, { replace: true });
    const isGone = file instanceof SlipwayError && file.status === 404;
    page.say(isGone ? "This file does not exist any more." : file.message, { variant: "danger" });
    return;
  }
  page.open = file;
  page.draw();
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
