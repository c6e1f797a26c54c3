/**
 * Measures uploads in Chromium by several clients: `cargo dev bench web`.
 *
 * All ways take turns in every round, so that what else the machine does falls on each of them. Requests, preflights
 * and memory are those of one more run, because counting them costs time. The result is JSON, for the table and the
 * plot of docs/performance.md.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { dirname } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { CASES, type Case, RECORDED, WAYS, type Way } from "./cases.ts";
import { growth } from "./memory.ts";
import { chromium, type Opened, Stage } from "./stage.ts";

const { ROUNDS = "7", ONLY = "", WITHOUT = "", RESULTS = "" } = process.env;

interface Run {
  ms: number;
  longTasks: number;
  longest: number;
}

let browser: Browser;
let pid: number;
let stage: Stage;
beforeAll(async () => {
  ({ browser, pid } = await chromium());
  stage = await Stage.start();
}, 1_200_000);
afterAll(async () => {
  await browser?.close();
  await stage?.stop();
});

const median = (figures: number[]) => {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
};

async function once({ page }: Opened, way: Way, count: number): Promise<Run> {
  const run = (await page.evaluate(`measure("${way}", ${count})`)) as Run;
  await page.evaluate(`clean(${RECORDED.has(way) ? count : 0})`);
  return run;
}

/** Requests and memory of one run, on a page that has sent a file before unless the case is about the first. */
async function counted(wanted: Case, paths: string[], way: Way) {
  const opened = await stage.open(browser, paths, false, true);
  if (!wanted.fresh) await once(opened, way, 1);
  const { log } = opened.network ?? { log: [] };
  const before = log.length;
  let after = 0;
  const memory = await growth(pid, async () => {
    await opened.page.evaluate(`measure("${way}", ${wanted.count})`);
    after = log.length;
  });
  await opened.page.evaluate(`clean(${RECORDED.has(way) ? wanted.count : 0})`);
  await opened.close();
  const seen = log.slice(before, after);
  const preflights = seen.filter(({ method }) => method === "OPTIONS").length;
  return { requests: seen.length - preflights, preflights, memory };
}

async function measured(wanted: Case) {
  const ways = (wanted.ways ?? WAYS).filter((way) => !WITHOUT.split(",").includes(way));
  const paths = await stage.files(wanted.count, wanted.size);
  const runs = new Map<Way, Run[]>(ways.map((way) => [way, []]));
  const kept = wanted.fresh ? undefined : await stage.open(browser, paths, wanted.link, false);
  if (kept) for (const way of ways) await once(kept, way, 1);
  for (let round = 0; round < (wanted.ways ? Math.min(2, Number(ROUNDS)) : Number(ROUNDS)); round++) {
    for (let n = 0; n < ways.length; n++) {
      // Each way follows another one in every round.
      const way = ways[(n + round) % ways.length] as Way;
      const opened = kept ?? (await stage.open(browser, paths, wanted.link, false));
      runs.get(way)?.push(await once(opened, way, wanted.count));
      if (opened !== kept) await opened.close();
    }
  }
  await kept?.close();
  const results = [];
  for (const way of ways) {
    const all = runs.get(way) ?? [];
    const against = all.map(({ ms }, round) => ms / (runs.get("hand")?.[round]?.ms ?? Number.NaN));
    results.push({
      way,
      ms: median(all.map(({ ms }) => ms)),
      ratio: median(against),
      longTasks: median(all.map(({ longTasks }) => longTasks)),
      longest: median(all.map(({ longest }) => longest)),
      ...(await counted(wanted, paths, way)),
    });
  }
  return { name: wanted.name, link: wanted.link, results };
}

type Done = Awaited<ReturnType<typeof measured>>;

test("every case", async () => {
  const load = loadavg()[0];
  const cases: Done[] = [];
  for (const wanted of CASES) {
    const name = `${wanted.name}, ${wanted.link ? "on the link" : "locally"}`;
    if (!name.includes(ONLY)) continue;
    const done = await measured(wanted);
    cases.push(done);
    console.log(name);
    for (const { way, ms, ratio, requests, preflights, memory, longTasks, longest } of done.results) {
      const cost = `${requests} + ${preflights} requests, ${Math.round(memory / 1e6)} MB`;
      console.log(
        `  ${way.padEnd(7)} ${ms.toFixed(0).padStart(6)} ms ${ratio.toFixed(2)} × ${cost}, ${longTasks} long (${longest} ms)`,
      );
    }
  }
  if (!RESULTS) return;
  // Cases that were not wanted keep their figures.
  const last = await readFile(RESULTS, "utf8").then(JSON.parse, () => ({ cases: [] }));
  const all = CASES.flatMap(({ name, link }) => {
    const same = (done: Done) => done.name === name && done.link === link;
    return cases.find(same) ?? last.cases.find(same) ?? [];
  });
  const result = { load, cores: cpus().length, rounds: Number(ROUNDS), chromium: browser.version(), cases: all };
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, JSON.stringify(result, null, 1));
});
