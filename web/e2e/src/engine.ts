/** A browser other than Chromium, with the commands of WebDriver that the tests need. */

/** The name under which WebDriver refers to an element. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export abstract class Engine {
  abstract open(url: string): Promise<unknown>;
  abstract stop(): Promise<void>;
  /** Runs a script whose last argument is called with the result. */
  protected abstract execute(script: string): Promise<unknown>;
  protected abstract type(element: string, text: string): Promise<unknown>;
  protected abstract press(element: string): Promise<unknown>;

  /** The value of an asynchronous function with this body. */
  async run<T>(body: string): Promise<T> {
    const script = `
      const done = arguments[arguments.length - 1];
      (async () => { ${body} })().then(
        (value) => done({ value }),
        (error) => done({ error: String(error?.stack ?? error), message: String(error?.message) }));`;
    const { value, error, message } = (await this.execute(script)) as { value: T; error?: string; message?: string };
    if (error) throw new Error(`${message}\n${error}`);
    return value;
  }

  /** Waits until the expression is true. */
  async until(expression: string): Promise<void> {
    await this.run(`
      const until = Date.now() + 100_000;
      while (!(${expression})) {
        if (Date.now() > until) throw new Error(${JSON.stringify(`never: ${expression}`)});
        await new Promise((resolve) => setTimeout(resolve, 20));
      }`);
  }

  /** Chooses files of the disk in the input that the expression names. */
  async choose(input: string, paths: string[]): Promise<void> {
    await this.type(await this.#element(input), paths.join("\n"));
  }

  /** Clicks as a user does: without a click of a user, scripts cannot write to the clipboard. */
  async click(selector: string): Promise<void> {
    const found = `document.querySelector(${JSON.stringify(selector)})`;
    await this.until(found);
    await this.press(await this.#element(found));
  }

  async #element(expression: string): Promise<string> {
    const found = await this.run<Record<string, string> | null>(`return ${expression}`);
    const name = found?.[ELEMENT];
    if (!name) throw new Error(`not an element: ${expression}`);
    return name;
  }
}

/** Repeats what fails until the browser is up. */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const until = Date.now() + 60_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
