/** Uploads: small files, many files, and refused ones. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { choose, done, file, picture, row, sparse, text, toast } from "../src/files.ts";

const MIB = 1024 * 1024;

let browser: Browser;
let visitor: Visitor;
beforeAll(async () => {
  browser = await openBrowser();
});
beforeEach(async () => {
  visitor = await Visitor.arrive(browser);
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.errors).toEqual([]);
});
afterAll(() => browser.close());

test("small files with any name are uploaded and appear", async () => {
  const page = await visitor.open();
  const names = ["Übergröße 写真 (1)+%20'.txt", "مرحبا.txt", "Sommer 🦀.txt"];
  await choose(page, [...names.map((name) => text(name)), picture("dot.png")]);
  await done(page, 4);
  for (const name of names) await file(page, name).waitFor();
  await file(page, "dot.png").locator("img").waitFor();
  await page.reload();
  for (const name of names) await file(page, name).waitFor();
});

test("a second file with the name of another one is announced, and both are kept", async () => {
  const page = await visitor.open();
  await choose(page, [text("notes.txt", "first"), text("plan.txt")]);
  await done(page, 2);
  await choose(page, [text("notes.txt", "second")]);
  await toast(page, /There is a file .*notes\.txt.* already\. Both are kept\./).waitFor();
  await done(page, 3);
  expect(await file(page, "notes.txt").count()).toBe(2);
  await choose(page, [text("notes.txt", "third"), text("plan.txt")]);
  await toast(page, "2 files with the same names are there already. All are kept.").waitFor();
});

test("an upload that the view does not show is announced, and goes into the folder of the view", async () => {
  const page = await visitor.open();
  await page.goto(`${page.url().split("?")[0]}?folder=Work%2F&q=zebra`);
  await page.getByText("No name contains this").waitFor();
  await choose(page, [text("notes.txt")]);
  await toast(page, /Work\/notes\.txt.* was uploaded\. This view does not show it\./).waitFor();
});

test("all uploads are cancelled after a question", async () => {
  const page = await visitor.open();
  visitor.network.pace = 100_000;
  const films = await Promise.all(["a.mp4", "b.mp4"].map((name) => sparse(name, 20 * MIB)));
  await choose(
    page,
    films.map(({ path }) => path),
  );
  await row(page, "a.mp4").waitFor();
  await page.getByRole("button", { name: "Cancel all" }).click();
  const question = page.locator("wa-dialog[label^='Cancel all']");
  await question.getByRole("button", { name: "Continue uploading" }).click();
  await question.waitFor({ state: "detached" });
  expect(await row(page, "a.mp4").count()).toBe(1);
  await page.getByRole("button", { name: "Cancel all" }).click();
  await question.getByRole("button", { name: "Cancel all" }).click();
  await page.locator(".queue").waitFor({ state: "detached" });
  await page.getByText("Nothing here yet").waitFor();
  for (const { remove } of films) await remove();
});

test("files are uploaded by a drop and by a paste", async () => {
  const page = await visitor.open();
  await page.evaluate(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["a"], "dropped.txt", { type: "text/plain" }));
    window.dispatchEvent(new DragEvent("dragenter", { dataTransfer: dropped }));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, cancelable: true }));
    const pasted = new DataTransfer();
    pasted.items.add(new File(["b"], "image.png", { type: "image/png" }));
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted }));
  });
  await done(page, 2);
  await file(page, "dropped.txt").waitFor();
  await file(page, "Screenshot").waitFor();
});

test("progress, speed and the remaining time are shown during an upload, and the total at its end", async () => {
  const page = await visitor.open();
  visitor.network.pace = 300_000;
  const [one, two] = await Promise.all([sparse("one.mp4", 20_000_000), sparse("two.mp4", 30_000_000)]);
  try {
    await choose(page, [one.path, two.path]);
    const bar = (name: string) => page.getByRole("progressbar", { name, exact: true });
    const percent = async (name: string) => Number(await bar(name).getAttribute("aria-valuenow"));
    for (const name of ["All uploads", "one.mp4", "two.mp4"]) {
      await expect.poll(() => percent(name)).toBeGreaterThan(0);
      expect(await percent(name)).toBeLessThan(100);
    }
    const queue = page.locator(".queue");
    await queue.getByText(/\d [kM]B of 50 MB\s+· [\d.]+ [kM]B\/s · \d+ (sec|min|hr) left/).waitFor();
    await row(page, "one.mp4")
      .getByText(/Uploading · [\d.]+ [kM]B of 20 MB/)
      .waitFor();
    await page.locator(".summary", { hasText: "2 files to go" }).waitFor();
    visitor.network.pace = Number.POSITIVE_INFINITY;
    await done(page, 2);
    await queue.getByText("50 MB of 50 MB", { exact: true }).waitFor();
    expect(await percent("All uploads")).toBe(100);
  } finally {
    await Promise.all([one.remove(), two.remove()]);
  }
});

test("500 files are uploaded at once, and the list loads more while it is scrolled", async () => {
  const page = await visitor.open();
  await choose(
    page,
    Array.from({ length: 500 }, (_, i) => text(`file-${String(i).padStart(3, "0")}.txt`, String(i))),
  );
  await done(page, 500);
  const presigns = visitor.network.log.filter(
    ({ method, url }) => method === "POST" && url.pathname === "/presign-upload",
  );
  expect(presigns.length).toBeLessThan(250);
  // What is done takes no room, unless one wants to see it.
  expect(await row(page, "file-").count()).toBe(0);
  await page.getByRole("button", { name: "List of uploads" }).click();
  await page.getByText("and 400 more").waitFor();
  expect(await row(page, "file-").count()).toBe(100);
  await page.reload();
  await file(page, "file-").first().waitFor();
  // All are reached, and few are in the document.
  const last = () => page.locator(".library .file").last().getAttribute("aria-posinset");
  await expect
    .poll(async () => {
      await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
      return last();
    })
    .toBe("500");
  expect(await file(page, "file-").count()).toBeLessThan(100);
});

test("an expired URL is replaced without a visible failure", async () => {
  const page = await visitor.open();
  let spoilt = 0;
  visitor.network.fault = ({ method, url }) =>
    method === "PUT" && spoilt++ === 0 ? { url: url.href.replace(/X-Amz-Date=\d{4}/, "X-Amz-Date=2020") } : undefined;
  await choose(page, [text("late.txt")]);
  await done(page, 1);
  const puts = visitor.network.log.filter(({ method }) => method === "PUT");
  expect(puts.map(({ status }) => status)).toEqual([403, 200]);
});

test("a refused file shows its reason, and Retry only where it can help", async () => {
  const page = await visitor.open();
  const [limit, quota] = await Promise.all([sparse("limit.mp4", 401 * MIB), sparse("quota.mp4", 351 * MIB)]);
  try {
    await choose(page, [{ ...text("setup.exe"), mimeType: "application/x-msdownload" }]);
    await row(page, "setup.exe").getByText("are not accepted here").waitFor();
    await choose(page, limit.path);
    await row(page, "limit.mp4").getByText("at most").waitFor();
    await choose(page, quota.path);
    await row(page, "quota.mp4").getByText("Delete files first").waitFor();
    expect(await page.getByRole("button", { name: "Retry" }).count()).toBe(1);
    expect(visitor.network.log.filter(({ method }) => method === "PUT")).toEqual([]);
  } finally {
    await Promise.all([limit.remove(), quota.remove()]);
  }
});
