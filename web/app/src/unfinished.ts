/** Uploads that were begun and not finished: before a reload, in another browser, or on another device. */
import { type Client, plainName, type UnfinishedUpload } from "@slipway/client";
import type { Held } from "./held.ts";

/** One of them. */
export interface Left {
  upload: UnfinishedUpload;
  /** Bytes that S3 has; unknown until it was asked. */
  there?: number;
}

/** Each costs a request. */
const ASKED = 20;

export class Unfinished {
  #all: Left[] = [];
  readonly #hidden = new Set<string>();
  /** Answers to an earlier load are too late. */
  #round = 0;

  constructor(
    private readonly client: Client,
    private readonly held: Held,
    private readonly changed: () => void,
    private readonly failed: (message: string) => void,
  ) {}

  /** Those that are not in the queue, where the others can be resumed. */
  shown(queued: Set<string | undefined>): Left[] {
    return this.#all.filter(({ upload: { id } }) => !queued.has(id) && !this.#hidden.has(id));
  }

  /** Asks what there is. Without an answer the page is whole but for this. */
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

  /** It was finished or given up elsewhere. */
  forget(id?: string): void {
    this.#all = this.#all.filter(({ upload }) => upload.id !== id);
  }

  /** Hides it at once, and gives it up unless what this returns is called first. */
  discard({ upload: { id } }: Left): () => void {
    const show = () => {
      this.#hidden.delete(id);
      this.changed();
    };
    this.#hidden.add(id);
    this.changed();
    const takeBack = this.held.hold(async () => {
      try {
        await this.client.discard(id);
        this.forget(id);
        this.#hidden.delete(id);
      } catch (error) {
        show();
        this.failed(`Not discarded: ${(error as Error).message}`);
      }
    });
    return () => {
      if (takeBack()) show();
    };
  }
}

/** Whether a file can be the one whose upload was begun: a page sees no more of it than its name and its size. */
export function fits(file: File, { fileName, size }: UnfinishedUpload): boolean {
  return file.size === size && plainName(file.name) === lastOf(fileName);
}

/** The name as a person has it on the disk: it may have come in folders. */
export function lastOf(fileName: string): string {
  return fileName.split("/").at(-1) ?? fileName;
}
