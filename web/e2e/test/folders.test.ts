/** Folders become paths in the names of their files, and files can be pasted. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createClient } from "../../client/src/index.ts";
import { openBrowser, Visitor } from "../src/browser.ts";
import { done, file } from "../src/files.ts";

/** More entries than a browser returns per call. */
const MANY = 130;
const NAMES = [
  "Holiday/Day 1/Ünterwegs.txt",
  "Holiday/Day 1/empty.txt",
  "Holiday/plan.txt",
  ...Array.from({ length: MANY }, (_, i) => `Holiday/Many/${i}.txt`),
];

let browser: Browser;
let visitor: Visitor;
let page: Page;
let root: string;
beforeAll(async () => {
  browser = await openBrowser();
  root = await mkdtemp(join(tmpdir(), "slipway-e2e-"));
  await Promise.all(
    ["Day 1", "Many", "Nothing"].map((name) => mkdir(join(root, "Holiday", name), { recursive: true })),
  );
  await Promise.all(NAMES.map((name) => writeFile(join(root, name), name.includes("empty") ? "" : name)));
  await writeFile(join(root, "beside.txt"), "beside");
});
beforeEach(async () => {
  visitor = await Visitor.arrive(browser);
  page = await visitor.open();
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.errors).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await rm(root, { recursive: true });
});

/** The names that the API returns. */
async function stored(): Promise<string[]> {
  const client = createClient({ url: visitor.stack.api, token: () => visitor.token });
  const names = [];
  for await (const { fileName } of client.list({ pageSize: 1000 })) names.push(fileName);
  return names.sort();
}

test("a folder that is dropped keeps its folders in the names", async () => {
  // As a file manager does it. A script cannot create a drop with folders.
  const devtools = await visitor.context.newCDPSession(page);
  const data = { items: [], files: [join(root, "Holiday"), join(root, "beside.txt")], dragOperationsMask: 1 };
  const drag = (type: "dragEnter" | "dragOver" | "drop") =>
    devtools.send("Input.dispatchDragEvent", { type, x: 300, y: 150, data });
  await drag("dragEnter");
  await drag("dragOver");
  await page.getByText("Let go to upload").waitFor();
  await drag("drop");
  await done(page, NAMES.length + 1);
  expect(await stored()).toEqual([...NAMES, "beside.txt"].sort());
});

test("a folder that is chosen keeps its folders in the names", async () => {
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("button", { name: "Folder" }).click(),
  ]);
  await chooser.setFiles(join(root, "Holiday"));
  await done(page, NAMES.length);
  expect(await stored()).toEqual([...NAMES].sort());
  await page.getByRole("button", { name: "Open folder Holiday" }).click();
  await page.getByRole("button", { name: "Open folder Day 1" }).click();
  await file(page, "Ünterwegs.txt").waitFor();
});

test("a copied picture is uploaded by a paste, and pasted text is ignored", async () => {
  await page.evaluate(() => navigator.clipboard.writeText("no file"));
  await page.keyboard.press("Control+v");
  await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 20, height: 10 });
    canvas.getContext("2d")?.fillRect(0, 0, 20, 10);
    const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
    if (picture) await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
  });
  await page.keyboard.press("Control+v");
  await done(page, 1);
  expect(await stored()).toEqual([expect.stringMatching(/^Screenshot \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png$/)]);
  const picture = file(page, "Screenshot").locator("img");
  await expect.poll(() => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(20);
});
