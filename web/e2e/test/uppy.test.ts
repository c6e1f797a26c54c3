/** Uppy with Golden Retriever: after a reload during a multipart upload, no part is sent twice. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../client/src/index.ts";
import { bundle } from "../../testing/bundle.ts";
import { samples } from "../../testing/samples.ts";
import { openBrowser, Visitor } from "../src/browser.ts";
import { sparse } from "../src/files.ts";

const MIB = 1024 * 1024;
const PARTS = ["1", "2", "3", "4", "5", "6", "7"];

let browser: Browser;
let recipe: string;
let film: Awaited<ReturnType<typeof sparse>>;
beforeAll(async () => {
  browser = await openBrowser();
  film = await sparse("film.mp4", 101 * MIB);
  const found = await samples(new URL("../../../docs/recipes.md", import.meta.url));
  recipe = found.find(({ heading, language }) => heading === "Uppy" && language === "js")?.code ?? "";
});
afterAll(async () => {
  await browser.close();
  await film.remove();
});

/** Loads the page of an application that uses Uppy. */
async function load({ page, stack }: Visitor, code: string): Promise<void> {
  await page.goto(`${stack.page.split("/#")[0]}/config.json`);
  await page.addScriptTag({ content: code, type: "module" });
  await page.waitForFunction("globalThis.uppy");
}

/** Chooses the file by an input, so that it is the same file again after a reload. */
async function pick(page: Page): Promise<void> {
  await page.evaluate(() => {
    document.body.innerHTML = '<input type="file" aria-label="File" />';
  });
  await page.getByLabel("File").setInputFiles(film.path);
  await page.evaluate(`{
    const [file] = document.querySelector("input").files;
    void uppy.addFile({ name: file.name, type: file.type, data: file });
  }`);
}

/** Whether Golden Retriever has stored the upload and, if it stores files, the file. */
const kept = (page: Page, files: number) =>
  page.evaluate(
    (wanted) =>
      new Promise<boolean>((resolve) => {
        const opening = indexedDB.open("uppy-blobs");
        opening.onsuccess = () => {
          const stores = opening.result.transaction(["metadata", "files"]);
          const metadata = stores.objectStore("metadata").getAll();
          const count = stores.objectStore("files").count();
          count.onsuccess = () => {
            opening.result.close();
            resolve(JSON.stringify(metadata.result).includes("s3Multipart") && count.result === wanted);
          };
        };
      }),
    files,
  );

const numbers = ({ network }: Visitor) => network.taken.map(({ url }) => url.searchParams.get("partNumber"));

/** Uploads until S3 has two parts, reloads, waits for Golden Retriever, and continues. */
async function interrupted(source: string, files: number, meanwhile: (page: Page) => Promise<void>): Promise<void> {
  const code = await bundle(`${source}\nglobalThis.uppy = uppy;`);
  const visitor = await Visitor.arrive(browser, { bypassCSP: true });
  const { page, network, stack, token } = visitor;
  await page.addInitScript(([api, token]) => Object.assign(globalThis, { API: api, token: async () => token }), [
    stack.api,
    token,
  ] as const);
  await load(visitor, code);
  await pick(page);
  let held = true;
  network.fault = ({ url }) => (held && url.searchParams.get("partNumber") === "3" ? "hold" : undefined);
  await page.evaluate("void uppy.upload()");
  await expect.poll(() => numbers(visitor)).toEqual(["1", "2"]);
  // Golden Retriever stores the state at most twice a second.
  await expect.poll(() => kept(page, files)).toBe(true);

  await load(visitor, code);
  held = false;
  await page.waitForFunction("uppy.getFiles().length === 1");
  await meanwhile(page);
  await page.evaluate(`globalThis.ended = new Promise((resolve) =>
    uppy.on("complete", ({ successful, failed }) => resolve([successful.length, failed.length])));
    uppy.emit("restore-confirmed");`);
  expect(await page.evaluate("ended")).toEqual([1, 0]);
  expect(numbers(visitor)).toEqual(PARTS);
  expect(network.taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(101 * MIB);
  const client = createClient({ url: stack.api, token: () => token });
  expect((await client.listPage()).files.map(({ fileName, size }) => [fileName, size])).toEqual([
    ["film.mp4", 101 * MIB],
  ]);
  expect(visitor.errors).toEqual([]);
  await visitor.leave();
}

test("a file that was too large to be kept is chosen again and continues", async () => {
  await interrupted(recipe, 0, async (page) => {
    expect(await page.evaluate("uppy.getFiles()[0].isGhost")).toBe(true);
    await pick(page);
    expect(await page.evaluate("uppy.getFiles().map(({ isGhost }) => isGhost)")).toEqual([false]);
  });
});

test("a file that was kept continues without a choice", async () => {
  const keeping = "use(GoldenRetriever, { indexedDB: { maxFileSize: 2 ** 30, maxTotalSize: 2 ** 30 } })";
  const source = recipe.replace("use(GoldenRetriever)", keeping);
  await interrupted(source, 1, async (page) => {
    expect(await page.evaluate("uppy.getFiles()[0].data.size")).toBe(101 * MIB);
  });
});
