/** Remembers which unfinished upload belongs to which file. A page needs nothing else to continue after a reload. */

/** Where it is remembered. `localStorage` fits as it is. */
export interface ResumeStore {
  getItem(key: string): string | null;
  setItem(key: string, id: string): void;
  removeItem(key: string): void;
}

/** `localStorage`, or undefined: private windows and other runtimes refuse it. */
export function defaultStore(): ResumeStore | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/** Identifies a file without reading it. A plain Blob has too few properties for that. */
export function fingerprint(file: Blob, fileName: string): string | undefined {
  if (!("lastModified" in file)) return undefined;
  return [fileName.normalize(), file.size, file.type, file.lastModified].join("|");
}

/** The entry of one file. If the store is full or locked, the upload cannot be resumed, but it does not fail. */
export class Entry {
  /** Identifies file and API; undefined for a file that cannot be identified. */
  readonly key: string | undefined;
  readonly #store: ResumeStore | undefined;

  constructor(store: ResumeStore | undefined, url: string, print: string | undefined) {
    this.key = print === undefined ? undefined : `slipway:${url}|${print}`;
    this.#store = store;
  }

  read(): string | undefined {
    return this.#quietly((store, key) => store.getItem(key)) ?? undefined;
  }

  write(id: string): void {
    this.#quietly((store, key) => store.setItem(key, id));
  }

  clear(): void {
    this.#quietly((store, key) => store.removeItem(key));
  }

  #quietly<T>(work: (store: ResumeStore, key: string) => T): T | undefined {
    if (!this.#store || this.key === undefined) return undefined;
    try {
      return work(this.#store, this.key);
    } catch {
      return undefined;
    }
  }
}
