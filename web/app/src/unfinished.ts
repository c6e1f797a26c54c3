/** Unfinished uploads, from before a reload, another browser or another device. */
import { type Client, plainName, type UnfinishedUpload } from "@slipway/client";
import type { Held, Hold } from "./held.ts";
import { lastOf } from "./names.ts";

/** An unfinished upload. */
export interface Left {
  upload: UnfinishedUpload;
  /** Bytes that S3 has; undefined until it was requested. */
  there?: number;
}

/** The most uploads whose parts are requested. Each costs a request. */
const ASKED = 20;

export class Unfinished {
  #all: Left[] = [];
  readonly #hidden = new Set<string>();
  /** Increases with each load, so that answers to earlier ones are ignored. */
  #round = 0;

  constructor(
    private readonly client: Client,
    private readonly held: Held,
    private readonly changed: () => void,
    private readonly failed: (message: string) => void,
  ) {}

  /** The uploads that are not in the queue. Those in the queue can be resumed there. */
  shown(queued: Set<string | undefined>): Left[] {
    return this.#all.filter(({ upload: { id } }) => !queued.has(id) && !this.#hidden.has(id));
  }

  /** Loads the list. If this fails, only this section is missing. */
  async load(): Promise<void> {
    const round = ++this.#round;
    const found: Left[] = [];
    try {
      for await (const upload of this.client.unfinished()) found.push({ upload });
    } catch {
      return;
    }
    if (round !== this.#round) return;
    this.#all = found;
    this.changed();
    for (const left of found.slice(0, ASKED)) {
      const upload = await this.client.inspect(left.upload.id).catch(() => undefined);
      if (round !== this.#round) return;
      left.there = upload?.parts.reduce((sum, { size }) => sum + size, 0);
      this.changed();
    }
  }

  /** Removes an upload that was finished or aborted elsewhere. */
  forget(id?: string): void {
    this.#all = this.#all.filter(({ upload }) => upload.id !== id);
  }

  /** Hides it at once, and aborts it when the hold is run. */
  discard({ upload: { id } }: Left): Hold {
    const show = () => {
      this.#hidden.delete(id);
      this.changed();
    };
    this.#hidden.add(id);
    this.changed();
    return this.held.hold(async () => {
      try {
        await this.client.discard(id);
        this.forget(id);
        this.#hidden.delete(id);
      } catch (error) {
        show();
        this.failed(`Not discarded: ${(error as Error).message}`);
      }
    }, show);
  }
}

/** Whether a file can be the one of the unfinished upload. The page knows only name and size. */
export function fits(file: File, { fileName, size }: UnfinishedUpload): boolean {
  return file.size === size && plainName(file.name).normalize() === lastOf(fileName).normalize();
}
