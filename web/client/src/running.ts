/** Finds out whether the same file is being uploaded already, in this page or in another tab. */

const running = new Set<string>();

/**
 * Runs `work` and tells it whether it is the only one with this `key`, as it is without a key. Between tabs the Web Locks API decides, which exists
 * on secure pages of every supported browser. Elsewhere only this page is known.
 */
export async function exclusively<T>(key: string, work: (isOnly: boolean) => Promise<T>): Promise<T> {
  if (!key || running.has(key)) return work(!key);
  running.add(key);
  try {
    const locks = globalThis.navigator?.locks;
    if (!locks) return await work(true);
    return await locks.request(key, { ifAvailable: true }, (lock) => work(lock !== null));
  } finally {
    running.delete(key);
  }
}
