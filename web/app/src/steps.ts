/**
 * The steps of the browser's history.
 *
 * `history.back()` takes effect later. What is pushed meanwhile would be what it goes back from, so that it waits.
 */

/** Where the user was in a list. */
export interface Place {
  /** How far it was scrolled, in pixels. */
  y: number;
  /** How many entries were loaded. */
  count: number;
  /** The key of the entry that the keyboard was at. */
  key?: string;
}

/** Scrolling is over after so long without an event. Safari allows 100 changes of the history in 30 s. */
const STILL_MS = 400;

export class Steps {
  #waiting: (() => void)[] = [];
  #isReturning = false;

  /** `here` is the place to come back to. `moved` is called with it when the user goes back or forward. */
  constructor(
    private readonly here: () => Place,
    moved: (place?: Place) => void,
  ) {
    // The browser would restore it before the list is loaded.
    history.scrollRestoration = "manual";
    let scrolling: ReturnType<typeof setTimeout> | undefined;
    window.addEventListener("scroll", () => {
      clearTimeout(scrolling);
      scrolling = setTimeout(() => this.#when(() => this.#keep()), STILL_MS);
    });
    window.addEventListener("pagehide", () => this.#keep());
    window.addEventListener("popstate", () => {
      clearTimeout(scrolling);
      if (!this.#isReturning) return moved(this.place);
      this.#isReturning = false;
      for (const run of this.#waiting.splice(0)) run();
    });
  }

  /** The place that was kept with this step. */
  get place(): Place | undefined {
    return history.state?.place;
  }

  /** A new step. `isOver` steps are taken back when what they show is closed. */
  push(url: string, isOver = false): void {
    this.#when(() => {
      this.#keep();
      history.pushState({ isOver }, "", url);
    });
  }

  replace(url: string): void {
    this.#when(() => history.replaceState(history.state, "", url));
  }

  /** Takes back the step of something that was closed, or replaces it if there is none. */
  close(url: string): void {
    this.#when(() => {
      if (history.state?.isOver !== true) return history.replaceState(history.state, "", url);
      this.#isReturning = true;
      history.back();
    });
  }

  #keep(): void {
    history.replaceState({ ...history.state, place: this.here() }, "");
  }

  #when(run: () => void): void {
    if (this.#isReturning) this.#waiting.push(run);
    else run();
  }
}
