/** What a person may take back: it is held for a few seconds, and done then. */

/** How long. */
export const UNDO_MS = 6_000;

export class Held {
  readonly #waiting = new Map<ReturnType<typeof setTimeout>, () => Promise<void>>();

  /** Holds `work` back. What this returns takes it back, and is true where that was still possible. */
  hold(work: () => Promise<void>): () => boolean {
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      void work();
    }, UNDO_MS);
    this.#waiting.set(timer, work);
    return () => {
      clearTimeout(timer);
      return this.#waiting.delete(timer);
    };
  }

  /** Does it all now: the page is being left. */
  async flush(): Promise<void> {
    const all = [...this.#waiting];
    this.#waiting.clear();
    await Promise.all(
      all.map(([timer, work]) => {
        clearTimeout(timer);
        return work();
      }),
    );
  }
}
