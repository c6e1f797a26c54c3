/** Which unfinished upload belongs to which file: all that a page has to remember to go on after a reload. */

/** Where it is remembered. `localStorage` fits as it is. */
export interface ResumeStore {
  getItem(key: string): string | null;
  setItem(key: string, id: string): void;
  removeItem(key: string): void;
}

/** The browser's storage, or none: private windows and other runtimes refuse it. */
export function defaultStore(): ResumeStore | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/** What tells one file from another without reading it. A plain Blob has too little of that to be known again. */
export function fingerprint(file: Blob, fileName: string): string | undefined {
  if (!("lastModified" in file)) return undefined;
  return [fileName, file.size, file.type, file.lastModified].join("|");
}

/** One file's entry. A store that is full or locked costs the resume, never the upload. */
export class Entry {
  readonly #store: ResumeStore | undefined;
  readonly #key: string;

  constructor(store: ResumeStore | undefined, url: string, print: string | undefined) {
    this.#store = print === undefined ? undefined : store;
    this.#key = `slipway:${url}|${print}`;
  }

  read(): string | undefined {
    return quietly(() => this.#store?.getItem(this.#key)) ?? undefined;
  }

  write(id: string): void {
    quietly(() => this.#store?.setItem(this.#key, id));
  }

  clear(): void {
    quietly(() => this.#store?.removeItem(this.#key));
  }
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
