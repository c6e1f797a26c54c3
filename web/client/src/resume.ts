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

/** The key of a file at an API. It needs no bytes of the file. A plain Blob has too few properties, and gets none. */
export function keyOf(url: string, file: Blob, fileName: string): string {
  if (!("lastModified" in file)) return "";
  return [`slipway:${url}`, fileName.normalize(), file.size, file.type, file.lastModified].join("|");
}

/** Runs `work`. If the store is full or locked, the upload cannot be resumed, but it does not fail. */
export function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
