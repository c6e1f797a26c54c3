/** Limits how much runs at once, first come, first served. */
import { check, reasonOf } from "./abort.js";

export class Slots {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** How many run. */
  get running(): number {
    return this.#running;
  }

  /** Runs `work` once there is a free slot. An abort ends the waiting. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    check(signal);
    if (this.#running < this.most) this.#running++;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      // Pass the slot to the next waiting call, so that a later call cannot take it first.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  #turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(reasonOf(signal));
      };
      this.#waiting.push(go);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}
