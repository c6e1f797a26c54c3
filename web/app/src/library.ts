/** The list of files: loads pages as needed, and deletes with undo. */
import type { Client, StoredFile, Usage } from "@slipway/client";
import type { Held } from "./held.ts";

/** Files that are hidden, and whose delete can still be undone. */
export interface Pending {
  files: StoredFile[];
  undo: () => void;
}

export class Library {
  files: StoredFile[] = [];
  usage?: Usage;
  /** A prefix of the content type; empty for all files. */
  filter = "";
  state: "loading" | "more" | "end" | "failed" = "loading";
  problem?: string;
  readonly selected = new Set<string>();
  #cursor: string | null = null;
  readonly #hidden = new Set<string>();
  /** Increases with each reload, so that answers to earlier requests are ignored. */
  #round = 0;

  constructor(
    private readonly client: Client,
    private readonly held: Held,
    private readonly changed: () => void,
    private readonly failed: (message: string) => void,
  ) {}

  /** The files to show. */
  get shown(): StoredFile[] {
    return this.#hidden.size === 0 ? this.files : this.files.filter(({ id }) => !this.#hidden.has(id));
  }

  async reload(filter = this.filter): Promise<void> {
    this.#round++;
    this.filter = filter;
    this.files = [];
    this.#cursor = null;
    this.state = "more";
    await this.more();
  }

  /** Loads the next page, unless one is being loaded or there is none. */
  async more(): Promise<void> {
    if (this.state !== "more" && this.state !== "failed") return;
    const round = this.#round;
    this.state = "loading";
    this.changed();
    try {
      // A filtered page may be empty although another one follows.
      for (;;) {
        const page = await this.client.listPage({ contentType: this.filter, pageSize: 60, cursor: this.#cursor });
        if (round !== this.#round) return;
        const known = new Set(this.files.map(({ id }) => id));
        this.files.push(...page.files.filter(({ id }) => !known.has(id)));
        this.#cursor = page.nextCursor;
        this.state = page.nextCursor ? "more" : "end";
        if (page.files.length > 0 || !page.nextCursor) break;
      }
    } catch (error) {
      if (round !== this.#round) return;
      this.state = "failed";
      this.problem = (error as Error).message;
    }
    this.changed();
  }

  /** Adds a file that was just uploaded, in the order of the list: newest first, by id. */
  add(file: StoredFile): void {
    if (!file.contentType.toLowerCase().startsWith(this.filter)) return;
    const at = this.files.findIndex(({ id }) => id <= file.id);
    if (this.files[at]?.id === file.id) return;
    this.files.splice(at < 0 ? this.files.length : at, 0, file);
    this.changed();
  }

  async measure(): Promise<void> {
    // If this fails, only the usage bar is missing.
    this.usage = await this.client.usage().catch(() => this.usage);
    this.changed();
  }

  /** Returns a fresh URL if the file's URL has expired, else the same one. */
  async refresh(id: string): Promise<string | null | undefined> {
    const fresh = await this.client.get(id).catch(() => undefined);
    const at = this.files.findIndex((file) => file.id === id);
    if (!fresh || at < 0) return undefined;
    this.files[at] = fresh;
    this.changed();
    return fresh.url;
  }

  toggle(id: string, on = !this.selected.has(id)): void {
    if (on) this.selected.add(id);
    else this.selected.delete(id);
    this.changed();
  }

  selectAll(on: boolean): void {
    this.selected.clear();
    if (on) for (const { id } of this.shown) this.selected.add(id);
    this.changed();
  }

  /** Hides files at once, and deletes them after the delay unless it is undone. */
  remove(ids: string[]): Pending {
    const files = this.files.filter(({ id }) => ids.includes(id));
    for (const { id } of files) {
      this.#hidden.add(id);
      this.selected.delete(id);
    }
    const takeBack = this.held.hold(() => this.#commit(ids));
    this.changed();
    const undo = () => {
      if (takeBack()) this.#show(ids);
    };
    return { files, undo };
  }

  async #commit(ids: string[]): Promise<void> {
    try {
      await this.client.removeMany(ids);
      this.files = this.files.filter(({ id }) => !ids.includes(id));
      for (const id of ids) this.#hidden.delete(id);
      await this.measure();
    } catch (error) {
      this.#show(ids);
      this.failed(`Not deleted: ${(error as Error).message}`);
    }
  }

  #show(ids: string[]): void {
    for (const id of ids) this.#hidden.delete(id);
    this.changed();
  }
}
