/**
 * The previews of new pictures. The server makes them some seconds after an upload, so the page lists again until they
 * are there. Meanwhile a large picture is shown as an icon: the picture itself may take megabytes.
 */
import type { StoredFile } from "@slipway/client";
import { kind } from "./format.ts";

/** The pauses before each list. The server does not make previews if they are not there after the last one. */
const PAUSES_MS = [1_500, 3_000, 6_000, 12_000];

export class Previews {
  readonly #awaited = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #round = 0;

  /** `refresh` lists the files again. `find` returns a listed file. */
  constructor(
    private readonly refresh: () => Promise<void>,
    private readonly find: (id: string) => StoredFile | undefined,
  ) {}

  /** Waits for the preview of a file that was just uploaded. */
  expect(file: StoredFile): void {
    if (kind(file.contentType) !== "image" || file.previewUrl) return;
    this.#awaited.add(file.id);
    this.#round = 0;
    this.#start();
  }

  /** Whether the preview may still be made. */
  isAwaited(id: string): boolean {
    return this.#awaited.has(id);
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#look(), PAUSES_MS[this.#round]);
  }

  async #look(): Promise<void> {
    this.#round++;
    await this.refresh();
    this.#timer = undefined;
    for (const id of this.#awaited) if (this.find(id)?.previewUrl) this.#awaited.delete(id);
    if (this.#awaited.size === 0) return;
    if (this.#round < PAUSES_MS.length) return this.#start();
    this.#awaited.clear();
    await this.refresh();
  }
}
