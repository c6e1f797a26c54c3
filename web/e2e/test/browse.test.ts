/** Folders, search, order, renaming, the menu, details, and the view in the address. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createClient } from "../../client/src/index.ts";
import { openBrowser, Visitor } from "../src/browser.ts";
import { act, done, file, toast } from "../src/files.ts";

const NAMES = ["Holiday/Day 1/plan.txt", "Holiday/photo.txt", "Work & Co/#1 50%.txt", "notes.txt", "Straße.txt"];

let browser: Browser;
let visitor: Visitor;
let page: Page;
let client: ReturnType<typeof createClient>;
beforeAll(async () => {
  browser = await openBrowser();
  visitor = await Visitor.arrive(browser);
  page = visitor.page;
  client = createClient({ url: visitor.stack.api, token: () => visitor.token });
  const put = (fileName: string) =>
    client.upload(new File([fileName], "x", { type: "text/plain" }), { fileName, metadata: { project: "Blue" } });
  for (const name of NAMES) await put(name);
  await visitor.open();
});
afterEach(async () => {
  expect(visitor.errors).toEqual([]);
  await page.goto(visitor.stack.page.split("#")[0] ?? "");
  await file(page, "notes.txt").waitFor();
});
afterAll(async () => {
  await visitor.leave();
  await browser.close();
});

const shown = async () => page.locator(".library .entry .file-name").allInnerTexts();
const folder = (name: string) => page.getByRole("button", { name: `Open folder ${name}` });

test("folders are opened and left by clicks, breadcrumbs, Back and the address", async () => {
  expect(await shown()).toEqual(["Holiday", "Straße.txt", "Work & Co", "notes.txt"]);
  await folder("Holiday").click();
  await expect.poll(shown).toEqual(["Day 1", "photo.txt"]);
  await folder("Day 1").click();
  await expect.poll(shown).toEqual(["plan.txt"]);
  await page.reload();
  await expect.poll(shown).toEqual(["plan.txt"]);
  await page.getByRole("navigation", { name: "Folder" }).getByText("Holiday").click();
  await expect.poll(shown).toEqual(["Day 1", "photo.txt"]);
  await page.goBack();
  await expect.poll(shown).toEqual(["plan.txt"]);
  await page.getByRole("navigation", { name: "Folder" }).getByText("Files").click();
  await folder("Work & Co").click();
  await expect.poll(shown).toEqual(["#1 50%.txt"]);
  await page.reload();
  await expect.poll(shown).toEqual(["#1 50%.txt"]);
});

test("search looks into all folders, an order shows all of them, and a preview has an address", async () => {
  const search = page.getByLabel("Search all files by name");
  await search.fill("PLAN");
  await expect.poll(shown).toEqual(["Holiday/Day 1/plan.txt"]);
  expect(new URL(page.url()).searchParams.get("q")).toBe("PLAN");
  await search.fill("nothing has this name");
  await page.getByText("No name contains this.").waitFor();
  await search.fill("");
  await expect.poll(shown).toHaveLength(4);
  await page.getByLabel("Order").selectOption("All files, newest first");
  await expect.poll(shown).toEqual([...NAMES].reverse());
  await page.getByRole("button", { name: "Open Holiday/photo.txt" }).click();
  await page.getByRole("dialog", { name: "photo.txt" }).waitFor();
  await page.reload();
  await page.locator(".preview").getByText("Holiday/photo.txt").first().waitFor();
});

test("files dropped on a folder are uploaded into it, and the page names it during the drag", async () => {
  await folder("Holiday").waitFor();
  const drag = (type: string, target: string, name = "dropped.txt") =>
    page.evaluate(
      ([type, target, name]) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["a"], name, { type: "text/plain" }));
        const at = document.querySelector(target);
        at?.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      },
      [type, target, name] as const,
    );
  await drag("dragover", "[data-folder='Holiday/']");
  await page.getByText("Let go to upload into Holiday").waitFor();
  await drag("drop", "[data-folder='Holiday/']");
  await done(page, 1);
  await folder("Holiday").click();
  await file(page, "dropped.txt").waitFor();
  // Inside of a folder, a drop anywhere is for it.
  await drag("drop", "body", "other.txt");
  await file(page, "other.txt").waitFor();
  expect((await client.listPage({ prefix: "Holiday/", sort: "name" })).files.map(({ fileName }) => fileName)).toContain(
    "Holiday/other.txt",
  );
});

test("a file is renamed and moved, from the menu of the keyboard, and a refusal is shown", async () => {
  const renamed = await client.upload(new File(["x"], "draft.txt", { type: "text/plain" }));
  await page.reload();
  await page.getByRole("button", { name: "Open draft.txt" }).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Rename" }).click();
  const name = page.getByLabel("Name", { exact: true });
  await expect
    .poll(() =>
      name.evaluate((input: HTMLInputElement) => input.value.slice(input.selectionStart ?? 0, input.selectionEnd ?? 0)),
    )
    .toBe("draft");
  await name.fill("é".repeat(400));
  await name.press("Enter");
  await page.getByText("This name is too long: 800 of at most 768 bytes.").waitFor();
  await name.fill("Holiday/final.txt");
  await name.press("Enter");
  await toast(page, "Renamed to").waitFor();
  await file(page, "draft.txt").waitFor({ state: "detached" });
  expect((await client.get(renamed.id)).fileName).toBe("Holiday/final.txt");
  await page.getByRole("button", { name: "Open notes.txt" }).focus();
  await page.keyboard.press("F2");
  await name.fill("notes 2.txt");
  await name.press("Enter");
  await file(page, "notes 2.txt").waitFor();
  await client.rename((await client.listPage({ q: "notes 2" })).files[0]?.id ?? "", { fileName: "notes.txt" });
});

test("details show the metadata, and the menu opens by the keyboard", async () => {
  await page.getByRole("button", { name: "Open notes.txt" }).focus();
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menuitem", { name: "Details" }).click();
  const details = page.locator("wa-drawer");
  await details.getByText("Blue").waitFor();
  await details.getByText("9 bytes").waitFor();
  await page.keyboard.press("Escape");
  await details.waitFor({ state: "detached" });
  await act(page, "notes.txt", "Select");
  await page.getByText("1 file selected").waitFor();
});

test("changes of another device are shown when the page gets the focus again", async () => {
  const late = await client.upload(new File(["x"], "late.txt", { type: "text/plain" }));
  await page.clock.install();
  await page.evaluate(() => window.dispatchEvent(new Event("blur")));
  await page.clock.fastForward(60_000);
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await file(page, "late.txt").waitFor();
  await client.remove(late.id);
  await page.getByRole("button", { name: "Refresh" }).click();
  await file(page, "late.txt").waitFor({ state: "detached" });
});
