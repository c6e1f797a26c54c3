/** Unfinished uploads: resumed in any browser, or discarded. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { choose, done, file, left, row, sparse, text, toast } from "../src/files.ts";

const MIB = 1024 * 1024;
const SIZE = 70 * MIB;

let browser: Browser;
let visitor: Visitor;
let film: Awaited<ReturnType<typeof sparse>>;
beforeAll(async () => {
  browser = await openBrowser();
  film = await sparse("film.mp4", SIZE);
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
  await film.remove();
});

const part = (url: URL) => Number(url.searchParams.get("partNumber"));
const taken = ({ network }: Visitor) => network.taken.map(({ url }) => part(url));
const discards = () => visitor.network.log.filter(({ method }) => method === "DELETE").map(({ status }) => status);

/** Begins an upload, sends two parts, and closes the browser. */
async function begun(): Promise<void> {
  const other = await Visitor.arrive(browser, {}, visitor.user);
  other.network.fault = ({ url }) => (part(url) > 2 ? { cut: 1 } : undefined);
  const page = await other.open();
  await choose(page, film.path);
  await expect.poll(() => taken(other).sort()).toEqual([1, 2]);
  await other.leave();
}

async function resume(page: Page, name: string, files: string | ReturnType<typeof text>): Promise<void> {
  const button = page.getByRole("button", { name: `Choose file ${name} to resume` });
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button.click()]);
  expect(chooser.isMultiple()).toBe(false);
  await chooser.setFiles(files);
}

test("an unfinished upload of another browser is listed with its progress, and only missing parts are sent", async () => {
  await begun();
  const page = await visitor.open();
  await left(page, "film.mp4").getByText("34 MB of 73 MB there").waitFor();

  await resume(page, "film.mp4", text("film.mp4"));
  await toast(page, /Not the same file\. .*film\.mp4.* with 73 MB was begun/).waitFor();
  const namesake = await sparse("other.mp4", SIZE);
  await resume(page, "film.mp4", namesake.path);
  await expect.poll(() => toast(page, "Not the same file").count()).toBe(2);
  await namesake.remove();
  expect(visitor.network.log.filter(({ method }) => method === "PUT")).toEqual([]);

  await resume(page, "film.mp4", film.path);
  await row(page, "film.mp4").waitFor();
  await left(page, "film.mp4").waitFor({ state: "detached" });
  await done(page, 1);
  expect(taken(visitor).sort()).toEqual([3, 4, 5]);
  expect(visitor.network.taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(SIZE - 32 * MIB);
  await file(page, "film.mp4").waitFor();
  await page.getByRole("button", { name: "Clear finished" }).click();
  await page.reload();
  await file(page, "film.mp4").waitFor();
  expect(await left(page, "film.mp4").count()).toBe(0);
});

test("discarding is undone before it is done, comes back where it fails, and then holds", async () => {
  await begun();
  const page = await visitor.open();
  const discard = () => page.getByRole("button", { name: "Discard film.mp4" }).click();
  await discard();
  await left(page, "film.mp4").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await left(page, "film.mp4").waitFor();
  expect(discards()).toEqual([]);

  visitor.network.fault = ({ method }) => (method === "DELETE" ? { answer: 403 } : undefined);
  await discard();
  await left(page, "film.mp4").waitFor({ state: "detached" });
  await toast(page, "Not discarded").waitFor();
  await left(page, "film.mp4").waitFor();

  visitor.network.fault = () => undefined;
  await discard();
  // Closing the page does not cancel it.
  await page.reload();
  await expect.poll(discards).toEqual([403, 200]);
  await page.reload();
  await page.getByText("Nothing here yet").waitFor();
  expect(await left(page, "film.mp4").count()).toBe(0);
});
