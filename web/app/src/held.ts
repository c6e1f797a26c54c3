/** Delays an action for a few seconds, in which it can be undone. */

/** The delay. */
export const UNDO_MS = 6_000;

export class Held {
  readonly #waiting = new Map<ReturnType<typeof setTimeout>, () => Promise<void>>();

  /** Delays `work`. The returned function cancels it, and returns whether that was still possible. */
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

  /** Runs everything now, because the page is being closed. */
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
