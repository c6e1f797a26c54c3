/** The memory of all processes of a browser: each page of memory counts once, however many processes share it. */
import { readdir, readFile } from "node:fs/promises";

const SAMPLE_MS = 50;

/** The process and all that descend from it. */
async function family(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // The name of the program, in parentheses, may contain anything. State and parent follow it.
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent) parents.set(Number(name), parent);
  }
  const found = [root];
  for (const id of found) found.push(...[...parents].filter(([, parent]) => parent === id).map(([child]) => child));
  return found;
}

async function bytes(processes: number[]): Promise<number> {
  const each = processes.map(async (id) => {
    const text = await readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "");
    return 1024 * Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0);
  });
  return (await Promise.all(each)).reduce((sum, size) => sum + size, 0);
}

/** Runs `work`, and answers how many bytes more than before the browser used at most. */
export async function growth(browser: number, work: () => Promise<unknown>): Promise<number> {
  const before = await bytes(await family(browser));
  let most = before;
  let ended = false;
  const sampling = (async () => {
    while (!ended) {
      most = Math.max(most, await bytes(await family(browser)));
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  try {
    await work();
  } finally {
    ended = true;
    await sampling;
  }
  return most - before;
}
