/** Measures speed over the last seconds, so that a pause or a burst has no lasting effect. */

const WINDOW_MS = 8_000;

export class Rate {
  #samples: { at: number; bytes: number }[] = [];

  /** `bytes` is the total sent so far. It decreases when something is sent again. */
  sample(bytes: number, at: number): void {
    const last = this.#samples[this.#samples.length - 1];
    if (last && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at, bytes });
    while ((this.#samples[1]?.at ?? at) < at - WINDOW_MS) this.#samples.shift();
  }

  /** Resets the measurement. */
  reset(): void {
    this.#samples = [];
  }

  /** Bytes per second; 0 until something was measured. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples[this.#samples.length - 1]];
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    return first && last && seconds >= 0.5 ? (last.bytes - first.bytes) / seconds : 0;
  }
}
