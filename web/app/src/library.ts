/** The list of files: loads pages as needed, follows uploads, and deletes with undo. */
import {
  type Client,
  type ListPageOptions,
  type Page,
  type Retry,
  SlipwayError,
  type StoredFile,
  type Usage,
} from "@slipway/client";
import type { Held, Hold } from "./held.ts";
import { compareNames } from "./names.ts";
import type { Query } from "./route.ts";

/** A folder or a file. */
export type Entry = { folder: string; file?: undefined } | { folder?: undefined; file: StoredFile };

/** Identifies an entry. No id of a file contains a `/`. */
export const keyOf = (entry: Entry) => entry.file?.id ?? `${entry.folder}/`;

const nameOf = (entry: Entry) => entry.file?.fileName ?? entry.folder ?? "";

/** The key in `sessionStorage` of the ids that are being deleted while the page is left. */
const DELETING = "slipway-deleting";

/** The first page fills a screen, later ones are scrolled through. */
const FIRST = 100;
const NEXT = 250;
/** The API's maximum, where the whole list is wanted. */
const ALL = 1000;

export class Library {
  usage?: Usage;
  query: Query = { folder: "", q: "", type: "", sort: "name" };
  state: "loading" | "more" | "end" | "failed" = "loading";
  problem?: SlipwayError | Error;
  /** Why the list is still loading, if a request for it has failed and is repeated. */
  trouble?: Retry;
  readonly selected = new Set<string>();
  /** The whole list is being loaded, to select all of it. */
  isSelectingAll = false;
  #entries: Entry[] = [];
  #shown: Entry[] | undefined;
  #anchor: string | undefined;
  /** What the last range has selected. Another range from the same anchor replaces it. */
  #ranged = new Set<string>();
  #cursor: string | null = null;
  /** Deleted, or about to be. A list that was requested before may still contain them. */
  readonly #hidden = new Set<string>();
  /** The hidden ones of which the API has not confirmed it. */
  readonly #deleting = new Set<string>();
  /** Increases with each reload, so that answers to earlier requests are ignored. */
  #round = 0;

  constructor(
    private readonly client: Client,
    private readonly held: Held,
    private readonly announce: () => void,
    private readonly failed: (message: string) => void,
  ) {}

  /** The entries to show, in their order. */
  get shown(): Entry[] {
    this.#shown ??= this.#entries.filter((entry) => !this.#hidden.has(keyOf(entry)));
    return this.#shown;
  }

  /** The files of these. */
  get files(): StoredFile[] {
    return this.shown.flatMap(({ file }) => file ?? []);
  }

  /** The file, if it is in the list. */
  find(id: string): StoredFile | undefined {
    return this.#entries.find(({ file }) => file?.id === id)?.file;
  }

  /** Whether the list is in the order of names, with folders unless it is filtered. */
  get isByName(): boolean {
    return this.query.sort === "name" && this.query.q === "";
  }

  /** Lists from the beginning, and at least so many entries if there are as many. */
  async reload(query = this.query, atLeast = 0): Promise<void> {
    this.#round++;
    this.query = query;
    this.#entries = [];
    this.#cursor = null;
    this.isSelectingAll = false;
    this.selected.clear();
    this.state = "more";
    const round = this.#round;
    await this.more(Math.min(Math.max(atLeast, FIRST), ALL));
    while (round === this.#round && this.state === "more" && this.#entries.length < atLeast) await this.more(ALL);
  }

  /** Loads the next page, unless one is being loaded or there is none. */
  async more(size = this.#entries.length === 0 ? FIRST : NEXT): Promise<void> {
    if (this.state !== "more" && this.state !== "failed") return;
    const round = this.#round;
    this.state = "loading";
    this.problem = undefined;
    this.trouble = undefined;
    this.#changed();
    try {
      // A filtered page may be empty although another one follows.
      for (;;) {
        const page = await this.client.listPage({ ...this.#filters(), pageSize: size, cursor: this.#cursor });
        if (round !== this.#round) return;
        const known = new Set(this.#entries.map(keyOf));
        const found = this.#merged(page).filter((entry) => !known.has(keyOf(entry)));
        // Something that was uploaded meanwhile may stand behind this page.
        const isInOrder = !this.isByName || known.size === 0;
        this.#entries.push(...found);
        if (!isInOrder) this.#entries.sort((a, b) => compareNames(nameOf(a), nameOf(b)));
        this.#cursor = page.nextCursor;
        this.state = page.nextCursor ? "more" : "end";
        if (found.length > 0 || !page.nextCursor) break;
      }
    } catch (error) {
      if (round !== this.#round) return;
      this.state = "failed";
      this.problem = error as Error;
    }
    this.#changed();
  }

  /** Call it when a request is going to be repeated. */
  retries(retry: Retry): void {
    if (this.state !== "loading") return;
    this.trouble = retry;
    this.#changed();
  }

  /** Lists again what is shown, without hiding it meanwhile: other devices may have changed it. */
  async refresh(): Promise<void> {
    if (this.state === "loading" || this.isSelectingAll) return;
    if (this.state === "failed") {
      await this.more();
      return;
    }
    const round = this.#round;
    const wanted = this.#entries.length;
    const entries: Entry[] = [];
    let cursor: string | null = null;
    try {
      do {
        const pageSize = Math.min(Math.max(wanted - entries.length, FIRST), ALL);
        const page: Page = await this.client.listPage({ ...this.#filters(), pageSize, cursor });
        entries.push(...this.#merged(page));
        cursor = page.nextCursor;
      } while (cursor && entries.length < wanted);
    } catch {
      // What is shown stays. The next refresh may succeed.
      return;
    }
    // A page was loaded meanwhile, or an upload was added: the next refresh shows both.
    if (round !== this.#round || wanted !== this.#entries.length) return;
    this.#entries = entries;
    this.#cursor = cursor;
    this.state = cursor ? "more" : "end";
    const there = new Set(entries.map(keyOf));
    for (const id of this.selected) if (!there.has(id)) this.selected.delete(id);
    this.#changed();
    await this.measure();
  }

  /** Adds a file that was just uploaded or renamed, where the list has its place. Returns whether it has one. */
  add(file: StoredFile): boolean {
    const entry = this.#place(file);
    if (!entry) return false;
    const key = keyOf(entry);
    const at = this.#entries.findIndex((other) => this.#compare(entry, other) <= 0);
    if (at >= 0 && keyOf(this.#entries[at] as Entry) === key) {
      this.#entries[at] = entry;
    } else if (at >= 0 || this.state === "end" || this.state === "loading") {
      this.#entries.splice(at < 0 ? this.#entries.length : at, 0, entry);
    }
    this.#changed();
    return true;
  }

  /** Shows the renamed file in its new place. */
  replace(file: StoredFile): void {
    this.#entries = this.#entries.filter((entry) => entry.file?.id !== file.id);
    this.add(file);
    this.#changed();
  }

  async measure(): Promise<void> {
    // If this fails, only the usage bar is missing.
    this.usage = await this.client.usage().catch(() => this.usage);
    this.#changed();
  }

  /** Returns a fresh URL if the file's URL has expired, else the same one. */
  async renew(id: string): Promise<StoredFile | undefined> {
    const fresh = await this.client.get(id).catch(() => undefined);
    const at = this.#entries.findIndex(({ file }) => file?.id === id);
    if (!fresh || at < 0) return fresh;
    this.#entries[at] = { file: fresh };
    this.#changed();
    return fresh;
  }

  /** Selects one, or takes it out. The next range begins here. */
  toggle(id: string, on = !this.selected.has(id)): void {
    if (on) this.selected.add(id);
    else this.selected.delete(id);
    this.#anchor = id;
    this.#ranged = new Set();
    this.#changed();
  }

  /** Selects all from the last one that was toggled to this one. */
  selectTo(id: string): void {
    const files = this.files;
    const from = files.findIndex((file) => file.id === this.#anchor);
    const to = files.findIndex((file) => file.id === id);
    if (from < 0 || to < 0) {
      this.toggle(id, true);
      return;
    }
    for (const id of this.#ranged) this.selected.delete(id);
    const range = files.slice(Math.min(from, to), Math.max(from, to) + 1).map((file) => file.id);
    this.#ranged = new Set(range.filter((id) => !this.selected.has(id)));
    for (const id of range) this.selected.add(id);
    this.#changed();
  }

  clearSelection(): void {
    this.isSelectingAll = false;
    this.selected.clear();
    this.#changed();
  }

  /** Selects every file of this view. What is not loaded yet is loaded first. */
  async selectAll(): Promise<void> {
    const round = this.#round;
    this.isSelectingAll = true;
    while (this.isSelectingAll && round === this.#round) {
      for (const { id } of this.files) this.selected.add(id);
      this.#changed();
      if (this.state === "end" || this.state === "failed") this.isSelectingAll = false;
      else if (this.state === "loading") await new Promise((resolve) => setTimeout(resolve, 50));
      else await this.more(ALL);
    }
    this.#changed();
  }

  /** Hides files at once, and deletes them when the hold is run. */
  remove(ids: string[]): { files: StoredFile[]; hold: Hold } {
    this.isSelectingAll = false;
    const wanted = new Set(ids);
    const files = this.#entries.flatMap(({ file }) => (file && wanted.has(file.id) ? file : []));
    for (const id of ids) {
      this.#hidden.add(id);
      this.#deleting.add(id);
      this.selected.delete(id);
    }
    const hold = this.held.hold(
      () => this.#commit(ids),
      () => this.#show(ids),
    );
    this.#changed();
    return { files, hold };
  }

  async #commit(ids: string[]): Promise<void> {
    try {
      await this.client.removeMany(ids);
      const gone = new Set(ids);
      this.#entries = this.#entries.filter(({ file }) => !file || !gone.has(file.id));
      for (const id of ids) this.#deleting.delete(id);
      await this.measure();
    } catch (error) {
      this.#show(ids);
      // Many are deleted by several requests, of which some may have succeeded.
      const what = ids.length === 1 ? "Not deleted" : "Not all files were deleted";
      this.failed(`${what}: ${(error as Error).message}`);
      await this.refresh();
    }
  }

  #show(ids: string[]): void {
    for (const id of ids) {
      this.#hidden.delete(id);
      this.#deleting.delete(id);
    }
    this.#changed();
  }

  /** How many deletes the API has not confirmed, and those that can still be undone. */
  get unconfirmed(): number {
    return this.#deleting.size;
  }

  /** Call it when the page is left, which may cut a request off: the next page of this tab repeats the deletes. */
  keepDeletes(): void {
    if (this.#deleting.size > 0) sessionStorage.setItem(DELETING, JSON.stringify([...this.#deleting]));
  }

  /** Repeats the deletes that the last page of this tab may not have finished. A second delete changes nothing. */
  continueDeletes(): void {
    const ids: string[] = JSON.parse(sessionStorage.getItem(DELETING) ?? "[]");
    sessionStorage.removeItem(DELETING);
    if (ids.length > 0) void this.remove(ids).hold.run();
  }

  /** The query as the API takes it: a search and the newest are of all folders, and a type is not grouped. */
  #filters(): ListPageOptions {
    const { folder, q, type, sort } = this.query;
    if (q) return { q, contentType: type };
    if (sort === "newest") return { contentType: type };
    return type ? { sort, prefix: folder, contentType: type } : { prefix: folder, delimiter: "/" };
  }

  #merged({ folders = [], files }: Page): Entry[] {
    const all = [...folders.map((folder) => ({ folder })), ...files.map((file) => ({ file }))];
    return folders.length > 0 ? all.sort((a, b) => compareNames(nameOf(a), nameOf(b))) : all;
  }

  /** By name, or newest first by id. */
  #compare(a: Entry, b: Entry): number {
    const byId = keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0;
    return this.isByName ? compareNames(nameOf(a), nameOf(b)) || byId : -byId;
  }

  /** What shows the file in this view: itself, the folder that contains it, or nothing. */
  #place(file: StoredFile): Entry | undefined {
    const { folder, q, type, sort } = this.query;
    const { fileName, contentType } = file;
    if (type && !contentType.toLowerCase().startsWith(type)) return undefined;
    const fold = (text: string) => text.normalize("NFC").toLowerCase();
    if (q) return fold(fileName).includes(fold(q)) ? { file } : undefined;
    if (sort === "newest") return { file };
    if (!fileName.startsWith(folder)) return undefined;
    const slash = type ? -1 : fileName.indexOf("/", folder.length);
    return slash < 0 ? { file } : { folder: fileName.slice(0, slash + 1) };
  }

  #changed(): void {
    this.#shown = undefined;
    this.announce();
  }
}

/** Whether the API did not accept the token. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof SlipwayError && error.status === 401;
}
