/**
 * The steps of the browser's history.
 *
 * `history.back()` takes effect later. What is pushed meanwhile would be what it goes back from, so that it waits.
 */
export class Steps {
  #waiting: (() => void)[] = [];
  #isReturning = false;

  /** `moved` is called when the user goes back or forward. */
  constructor(moved: () => void) {
    window.addEventListener("popstate", () => {
      if (!this.#isReturning) return moved();
      this.#isReturning = false;
      for (const run of this.#waiting.splice(0)) run();
    });
  }

  /** A new step. `isOver` steps are taken back when what they show is closed. */
  push(url: string, isOver = false): void {
    this.#when(() => history.pushState({ isOver }, "", url));
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

  #when(run: () => void): void {
    if (this.#isReturning) this.#waiting.push(run);
    else run();
  }
}
