/** How fast bytes go, and how long the rest takes: over the last seconds, so that a pause or a burst is soon forgotten. */

const WINDOW_MS = 8_000;

export class Rate {
  #samples: { at: number; bytes: number }[] = [];

  /** `bytes` is everything that was sent so far, and falls back when something is sent again. */
  sample(bytes: number, at: number): void {
    const last = this.#samples.at(-1);
    if (last && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at, bytes });
    while ((this.#samples[1]?.at ?? at) < at - WINDOW_MS) this.#samples.shift();
  }

  /** Forgets: what follows is another journey. */
  reset(): void {
    this.#samples = [];
  }

  /** Bytes a second; 0 as long as nothing is known. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    return first && last && seconds >= 0.5 ? (last.bytes - first.bytes) / seconds : 0;
  }
}
