/** Sends requests of many files together: those that arrive within a moment. */

/** What the API takes in one request. */
const MOST = 100;

interface Entry<In, Out> {
  value: In;
  resolve(result: Out | PromiseLike<Out>): void;
}

export class Batch<In, Out> {
  #waiting: Entry<In, Out>[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` answers a result for each value, in their order, or an error for it as a rejected promise. */
  constructor(
    private readonly send: (values: In[]) => Promise<(Out | PromiseLike<Out>)[]>,
    private readonly delayMs: number,
  ) {}

  /** How many wait to be sent. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(value: In): Promise<Out> {
    return new Promise((resolve) => {
      this.#waiting.push({ value, resolve });
      if (this.#waiting.length === MOST) this.flush();
      else this.#timer ??= setTimeout(() => this.flush(), this.delayMs);
    });
  }

  /** Sends what waits, without the rest of the delay. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#waiting.splice(0);
    if (entries.length === 0) return;
    this.send(entries.map(({ value }) => value)).then(
      (results) => entries.forEach(({ resolve }, n) => void resolve(results[n] as Out)),
      (error) => {
        for (const { resolve } of entries) resolve(Promise.reject(error));
      },
    );
  }
}
