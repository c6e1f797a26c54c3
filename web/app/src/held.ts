/**
 * Actions that can be undone until they are run.
 *
 * Nothing here has a clock. The message that offers to undo an action runs it when it disappears, so that the offer
 * can never be older than the action.
 */

/** An action that waits. */
export interface Hold {
  /** Runs it now, unless it was undone or has run. */
  run(): Promise<void>;
  /** Cancels it. Returns whether that was still possible. */
  undo(): boolean;
  /** Resolves when it has run or was undone. */
  readonly over: Promise<void>;
}

export class Held {
  /** In the order in which they were begun. */
  readonly #waiting = new Set<Hold>();

  /** Keeps `work` until it is run or undone. `back` shows again what `work` would have removed. */
  hold(work: () => Promise<void>, back: () => void): Hold {
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const take = () => {
      const isWaiting = this.#waiting.delete(hold);
      if (isWaiting) end();
      return isWaiting;
    };
    const hold: Hold = {
      over,
      run: async () => {
        if (take()) await work();
      },
      undo: () => {
        const isWaiting = take();
        if (isWaiting) back();
        return isWaiting;
      },
    };
    this.#waiting.add(hold);
    return hold;
  }

  /** The action that was begun last, for Ctrl+Z. */
  get last(): Hold | undefined {
    return [...this.#waiting].at(-1);
  }

  /** Runs everything now, because the page is being closed. */
  async flush(): Promise<void> {
    await Promise.all([...this.#waiting].map((hold) => hold.run()));
  }
}
