/** Large files on unreliable networks. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { choose, done, file, left, row, sparse } from "../src/files.ts";

const MIB = 1024 * 1024;
const SIZE = 300 * MIB;

let browser: Browser;
let visitor: Visitor;
let large: Awaited<ReturnType<typeof sparse>>;
beforeAll(async () => {
  browser = await openBrowser();
  large = await sparse("film.mp4", SIZE);
});
beforeEach(async () => {
  visitor = await Visitor.arrive(browser);
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.errors).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await large.remove();
});

const parts = () => visitor.network.taken.map(({ url }) => Number(url.searchParams.get("partNumber")));
const sent = () => visitor.network.taken.reduce((sum, { bytes }) => sum + bytes, 0);

/** Every part was sent once, and S3 accepted no byte twice. */
function onceEach() {
  const numbers = parts().sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
  expect(sent()).toBe(SIZE);
}

/** Cuts all connections, and lets no new one through. */
function cutAfter(taken: number): Promise<void> {
  return new Promise((resolve) => {
    let isCut = false;
    visitor.network.fault = ({ method }) => {
      if (!isCut && visitor.network.taken.length >= taken) {
        isCut = true;
        resolve();
      }
      if (!isCut) return undefined;
      return { cut: method === "PUT" ? MIB : 0 };
    };
  });
}

test("300 MB through a network that is cut in the middle: no byte is sent twice", async () => {
  const page = await visitor.open();
  const cut = cutAfter(6);
  await choose(page, large.path);
  await cut;
  const before = parts().length;
  expect(before).toBeLessThan(18);
  visitor.network.fault = () => undefined;
  await done(page, 1);
  expect(parts().length).toBeGreaterThan(before);
  onceEach();
  await file(page, "film.mp4").waitFor();
});

test("reload in the middle: the same file goes on where it stopped", async () => {
  const page = await visitor.open();
  const cut = cutAfter(5);
  await choose(page, large.path);
  await cut;
  page.on("dialog", (dialog) => void dialog.accept());
  visitor.network.fault = () => undefined;
  await page.reload();
  await left(page, "film.mp4").waitFor();
  // Requests that were running when the page was closed may have succeeded.
  await choose(page, large.path);
  await row(page, "film.mp4").getByText("were there already").waitFor();
  await done(page, 1);
  onceEach();
});

test("an upload is paused, resumed and cancelled", async () => {
  const page = await visitor.open();
  await choose(page, large.path);
  await expect.poll(() => parts().length).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Pause film.mp4" }).click();
  await row(page, "film.mp4").getByText("Paused").waitFor();
  const puts = () => visitor.network.log.filter(({ method }) => method === "PUT").length;
  const paused = puts();
  await page.getByRole("button", { name: "Resume film.mp4" }).click();
  await expect.poll(puts).toBeGreaterThan(paused);
  await page.getByRole("button", { name: "Cancel film.mp4" }).click();
  await row(page, "film.mp4").waitFor({ state: "detached" });
  const gone = () => visitor.network.log.some(({ method, status }) => method === "DELETE" && status === 200);
  await expect.poll(gone).toBe(true);
});
