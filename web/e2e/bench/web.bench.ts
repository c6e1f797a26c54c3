/**
 * Uploads in Chromium: the client and its queue next to the same requests by hand. `npm run bench` in `web/`.
 *
 * "By hand" presigns, PUTs and records by `fetch` without a check of the bytes, retries or progress; many files are
 * presigned in one request, and six are sent at once. Each figure is the median of runs that alternate, on a page
 * that has sent one file before. Bare PUTs and other clients are not part of it.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { bundle } from "../../testing/bundle.ts";
import { openBrowser, Visitor } from "../src/browser.ts";
import { link } from "./link.ts";

const SOURCE = `
  import { createClient, UploadQueue } from "@slipway/client";
  const slipway = createClient({ url: API, token });
  const post = async (path, body) => {
    const headers = { Authorization: "Bearer " + (await token()), "Content-Type": "application/json" };
    return (await fetch(API + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  };
  const intent = ({ name, type, size }) => ({ fileName: name, contentType: type, size });
  const finish = async (file, { presignedUrl, headers, objectKey }) => {
    await fetch(presignedUrl, { method: "PUT", headers, body: file });
    await post("/save-metadata", { objectKey });
  };
  const ways = {
    "by hand": async (files) => {
      if (files.length === 1) return finish(files[0], await post("/presign-upload", intent(files[0])));
      const { uploads } = await post("/presign-upload", { files: files.map(intent) });
      let next = 0;
      const worker = async () => {
        while (next < files.length) {
          const n = next++;
          await finish(files[n], uploads[n]);
        }
      };
      await Promise.all(Array.from({ length: 6 }, worker));
    },
    client: (files) => Promise.all(files.map((file) => slipway.upload(file))),
    queue: async (files) => {
      const queue = new UploadQueue(slipway);
      queue.add(files);
      const { failed } = await queue.idle();
      if (failed > 0) throw new Error("an upload failed: " + queue.snapshot.uploads[0].error);
    },
  };
  let made = 0;
  globalThis.measure = async (way, count, size) => {
    const files = Array.from({ length: count }, () => {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      return new File([bytes], "file-" + made++ + ".bin", { type: "application/octet-stream" });
    });
    const from = performance.now();
    await ways[way](files);
    const ms = performance.now() - from;
    const ids = [];
    for await (const { id } of slipway.list()) ids.push(id);
    await slipway.removeMany(ids);
    return ms;
  };`;

const KB = 1000;
const MB = 1000 * KB;
const CASES: [name: string, count: number, size: number, slow: boolean, ways: string[]][] = [
  ["one image of 300 kB on the link", 1, 300 * KB, true, ["by hand", "client"]],
  ["20 images of 300 kB on the link", 20, 300 * KB, true, ["by hand", "client", "queue"]],
  ["100 files of 1 kB on the link", 100, KB, true, ["by hand", "client", "queue"]],
  ["20 MB locally", 1, 20 * MB, false, ["by hand", "client"]],
  ["60 MB locally", 1, 60 * MB, false, ["by hand", "client"]],
];

const RUNS = Number(process.env.RUNS ?? 5);

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const median = (figures: number[]) => [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;

test("the table", async () => {
  const lines = [`| ${"median of".padEnd(34)} ${RUNS} runs | by hand | client | queue |`, "|---|---|---|---|"];
  const code = await bundle(SOURCE);
  const wanted = CASES.filter(([name]) => name.includes(process.env.CASE ?? ""));
  for (const [name, count, size, isSlow, ways] of wanted) {
    const plain = await Visitor.arrive(browser, { bypassCSP: true });
    // 40 ms there and back, 20 Mbit/s up.
    const slow = isSlow ? await link(plain.network.url, 20, 2.5 * MB) : undefined;
    const proxy = slow && { server: slow.url, bypass: "<-loopback>" };
    const context = await browser.newContext({
      bypassCSP: true,
      proxy: proxy ?? { server: plain.network.url, bypass: "<-loopback>" },
    });
    const page = await context.newPage();
    await page.goto(`${plain.stack.page.split("/#")[0]}/config.json`);
    await page.evaluate(
      ([api, token]) => Object.assign(globalThis, { API: api, token: async () => token }),
      [plain.stack.api, plain.token],
    );
    await page.addScriptTag({ content: code, type: "module" });
    await page.waitForFunction("globalThis.measure");
    const taken: Record<string, number[]> = Object.fromEntries(ways.map((way) => [way, []]));
    const requests: Record<string, number> = {};
    for (const way of ways) await page.evaluate(`measure("${way}", 1, 1000)`);
    for (let run = 0; run < RUNS; run++) {
      for (const way of ways) {
        const before = plain.network.log.length;
        const ms = (await page.evaluate(`measure("${way}", ${count}, ${size})`)) as number;
        taken[way]?.push(ms);
        // With preflights, and without the list and the delete after the run.
        const passed = plain.network.log.slice(before).filter(({ url }) => !url.pathname.startsWith("/files"));
        requests[way] = passed.length;
      }
    }
    const cell = (way: string) => (taken[way] ? `${Math.round(median(taken[way]))} ms, ${requests[way]} requests` : "");
    lines.push(`| ${name} | ${cell("by hand")} | ${cell("client")} | ${cell("queue")} |`);
    console.log(lines.at(-1));
    await context.close();
    await plain.leave();
    await slow?.stop();
  }
  console.log(lines.join("\n"));
});
