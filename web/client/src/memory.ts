/** Bounds how much of the files is in memory, however many uploads run at once. */

/** The most bytes that are read at once. One longer read may still run alone. */
const MOST = 16 * 1024 * 1024;

let used = 0;
const waiting: (() => void)[] = [];

/** Runs `read`, which loads `bytes` of a file, once there is room for them. */
export async function withMemory<T>(bytes: number, read: () => Promise<T>): Promise<T> {
  while (used > 0 && used + bytes > MOST) await new Promise<void>((resolve) => waiting.push(resolve));
  used += bytes;
  try {
    return await read();
  } finally {
    used -= bytes;
    for (const wake of waiting.splice(0)) wake();
  }
}
