/** The library: preview, sharing, and delete with undo. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { act, choose, done, file, picture, text, toast } from "../src/files.ts";

let browser: Browser;
let visitor: Visitor;
let page: Page;
beforeAll(async () => {
  browser = await openBrowser();
});
beforeEach(async () => {
  visitor = await Visitor.arrive(browser);
  page = await visitor.open();
  await choose(page, [text("notes.txt"), picture("dot.png"), text("other.txt", "Another")]);
  await done(page, 3);
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.errors).toEqual([]);
});
afterAll(() => browser.close());

const deletes = () =>
  visitor.network.log.filter(({ url, method }) => method === "POST" && url.pathname === "/files/delete");

test("deleting is undone before it is done", async () => {
  await act(page, "notes.txt", "Delete");
  await file(page, "notes.txt").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await file(page, "notes.txt").waitFor();
  expect(deletes()).toEqual([]);
});

test("a delete is done although the page is left at once", async () => {
  await act(page, "notes.txt", "Delete");
  await page.reload();
  await file(page, "other.txt").waitFor();
  expect(await file(page, "notes.txt").count()).toBe(0);
  // The request of the page that was left may have been cut off, so the next one repeats it.
  await expect.poll(() => deletes().filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  await page.reload();
  await file(page, "other.txt").waitFor();
  expect(await file(page, "notes.txt").count()).toBe(0);
});

test("a delete that fails brings the file back, and says so", async () => {
  visitor.network.fault = ({ url, method }) =>
    method === "POST" && url.pathname === "/files/delete" ? { answer: 403 } : undefined;
  await act(page, "notes.txt", "Delete");
  await file(page, "notes.txt").waitFor({ state: "detached" });
  await toast(page, "Not deleted").waitFor();
  await file(page, "notes.txt").waitFor();
});

test("many are selected and deleted by the keyboard alone", async () => {
  await page.getByLabel("Select notes.txt").focus();
  await page.keyboard.press("Space");
  await page.getByText("1 file selected").waitFor();
  await page.keyboard.press("Control+a");
  await page.getByText("All 3 files selected").waitFor();
  await page.keyboard.press("Delete");
  await page.getByText("Nothing here yet").waitFor();
});

test("many are selected, deleted, and brought back by one undo", async () => {
  await page.getByLabel("Select notes.txt").check();
  await page.getByLabel("Select dot.png").check();
  await page.getByText("2 files selected").waitFor();
  await page.getByRole("group", { name: "Selection" }).getByRole("button", { name: "Delete" }).click();
  await file(page, "notes.txt").waitFor({ state: "detached" });
  await file(page, "dot.png").waitFor({ state: "detached" });
  await toast(page, "2 files deleted").getByRole("button", { name: "Undo" }).click();
  await file(page, "notes.txt").waitFor();
  await file(page, "dot.png").waitFor();
  expect(deletes()).toEqual([]);
});

test("Delete in the preview deletes that file, and not the selection behind it", async () => {
  await page.getByLabel("Select dot.png").check();
  await page.getByRole("button", { name: "Open notes.txt" }).click();
  await page.locator("wa-dialog").getByText("Hello, Slipway").waitFor();
  await page.getByRole("dialog", { name: "notes.txt" }).press("Delete");
  await file(page, "notes.txt").waitFor({ state: "detached" });
  expect(await file(page, "dot.png").count()).toBe(1);
  expect(await page.locator("wa-toast-item").filter({ hasText: "deleted" }).count()).toBe(1);
});

test("each checkbox shows whether its file is selected, however fast one clicks", async () => {
  const boxes = page.locator(".library .file input[type=checkbox]");
  const agree = () =>
    page
      .locator(".library .file")
      .evaluateAll((all) =>
        all.every((each) => each.querySelector("input")?.checked === each.classList.contains("selected")),
      );
  await boxes.nth(1).click();
  await boxes.nth(1).click({ modifiers: ["Shift"] });
  expect(await agree()).toBe(true);
  await boxes.evaluateAll(([first, second, third]) => {
    first?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    third?.dispatchEvent(new MouseEvent("click", { shiftKey: true, bubbles: true, cancelable: true }));
    second?.dispatchEvent(new MouseEvent("click", { shiftKey: true, bubbles: true, cancelable: true }));
  });
  await expect.poll(agree).toBe(true);
});

test("what is typed into the search stays while the page is rendered", async () => {
  const search = page.getByPlaceholder("Search by name");
  await search.pressSequentially("zeb");
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await search.pressSequentially("ra");
  expect(await search.inputValue()).toBe("zebra");
  await page.waitForURL(/q=zebra/);
});

test("the menu of a selected file deletes the selection", async () => {
  await page.getByLabel("Select notes.txt").check();
  await page.getByLabel("Select dot.png").check();
  await act(page, "notes.txt", "Delete 2 files");
  await file(page, "dot.png").waitFor({ state: "detached" });
  await act(page, "other.txt", "Delete");
  await page.getByText("Nothing here yet").waitFor();
});

test("a file is reached, opened, closed, renamed and deleted by the keyboard", async () => {
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  const tabTo = async (label: string) => {
    for (let presses = 0; (await focused()) !== label; presses++) {
      expect(presses, label).toBeLessThan(40);
      await page.keyboard.press("Tab");
    }
  };
  // One file is a stop of Tab; the arrow keys move on from it.
  await tabTo("Open dot.png");
  await page.keyboard.press("ArrowRight");
  expect(await focused()).toBe("Open notes.txt");
  await page.keyboard.press("Enter");
  const dialog = page.locator("wa-dialog");
  await dialog.getByText("Hello, Slipway").waitFor();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("dialog", { name: "other.txt" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await dialog.getByText("Hello, Slipway").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  // The focus returns, so that the keyboard continues from there.
  expect(await focused()).toBe("Open notes.txt");
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("More for notes.txt");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Delete" }).waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await file(page, "notes.txt").waitFor({ state: "detached" });
  // The focus moves to the neighbour, not to the top of the page, and Undo is the next stop.
  await expect.poll(focused).toBe("More for other.txt");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Undo");
  await page.keyboard.press("Enter");
  await file(page, "notes.txt").waitFor();
  // Ctrl+Z is another way.
  await page.getByRole("button", { name: "Open notes.txt" }).focus();
  await page.keyboard.press("Delete");
  await file(page, "notes.txt").waitFor({ state: "detached" });
  await expect.poll(focused).toBe("Open other.txt");
  await page.keyboard.press("Control+z");
  await file(page, "notes.txt").waitFor();
  // A renamed file keeps the focus.
  await page.getByRole("button", { name: "Open notes.txt" }).focus();
  await page.keyboard.press("F2");
  await page.getByLabel("Name", { exact: true }).fill("zebra.txt");
  await page.keyboard.press("Enter");
  await expect.poll(focused).toBe("Open zebra.txt");
  await page.keyboard.press("F2");
  await page.getByLabel("Name", { exact: true }).fill("notes.txt");
  await page.keyboard.press("Enter");
  await expect.poll(focused).toBe("Open notes.txt");
  expect(deletes()).toEqual([]);
  // The arrow keys lead to every file.
  await tabTo("Open notes.txt");
  await page.keyboard.press("End");
  expect(await focused()).toBe("Open other.txt");
  await page.keyboard.press("Space");
  await dialog.getByText("Another").waitFor();
});

test("files are previewed, stepped through, and the preview closes", async () => {
  await page.getByRole("button", { name: "Open notes.txt" }).press("Enter");
  const dialog = page.locator("wa-dialog");
  await dialog.getByText("Hello, Slipway").waitFor();
  await dialog
    .getByRole("button", { name: "Next file" })
    .or(dialog.getByRole("button", { name: "Previous file" }))
    .first()
    .waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Open dot.png" }).click();
  const shown = dialog.getByRole("img", { name: "dot.png" });
  await expect.poll(() => shown.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(1);
});

test("another preview opens at the very moment that one has closed", async () => {
  await page.getByRole("button", { name: "Open notes.txt" }).click();
  await page.getByRole("dialog", { name: "notes.txt" }).waitFor();
  await page.locator("wa-dialog").evaluate((dialog) => {
    const other = document.querySelector<HTMLElement>('[aria-label="Open other.txt"]');
    dialog.addEventListener("wa-after-hide", () => other?.click(), { once: true });
  });
  await page.keyboard.press("Escape");
  await page.locator("wa-dialog").getByText("Another").waitFor();
});

test("a download has the original name, and a link reads the file", async () => {
  const [download] = await Promise.all([page.waitForEvent("download"), act(page, "notes.txt", "Download")]);
  expect(download.suggestedFilename()).toBe("notes.txt");
  await act(page, "other.txt", "Copy link");
  await toast(page, "Link copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(await (await fetch(link)).text()).toBe("Another");
});

test("a link expires when its owner chose", async () => {
  await act(page, "other.txt", "Details");
  const details = page.locator("wa-drawer.details");
  const lifetime = details.getByLabel("Anyone with the link can read the file for");
  expect(await lifetime.locator("option").allTextContents()).toEqual(["1 minute", "5 minutes", "15 minutes"]);
  expect(await lifetime.inputValue()).toBe("900");
  await lifetime.selectOption("5 minutes");
  await details.getByText("Copy link").click();
  await toast(page, "Link copied. It works until").waitFor();
  const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  expect(link.searchParams.get("X-Amz-Expires")).toBe("300");
  expect(await (await fetch(link)).text()).toBe("Another");
  await page.keyboard.press("Escape");
  await details.waitFor({ state: "detached" });
});

test("the gallery has files side by side, the list one below the other", async () => {
  const lines = async () => {
    const tops = await page
      .locator(".library .file")
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
    return new Set(tops).size;
  };
  const view = (name: string) => page.getByRole("button", { name, exact: true });
  expect(await lines()).toBe(1);
  expect(await view("Gallery").getAttribute("aria-pressed")).toBe("true");
  await view("List").click();
  await page.locator(".files.list").waitFor();
  expect(await lines()).toBe(3);
  expect(await view("List").getAttribute("aria-pressed")).toBe("true");
  await view("Gallery").click();
  await page.locator(".files.grid").waitFor();
  expect(await lines()).toBe(1);
});

test("the list is filtered by type, and the view is remembered", async () => {
  await page.getByLabel("Type").selectOption("Images");
  await file(page, "notes.txt").waitFor({ state: "detached" });
  await file(page, "dot.png").waitFor();
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.reload();
  await page.locator(".files.list").waitFor();
});

test("another user does not see these files", async () => {
  const other = await Visitor.arrive(browser, {}, `${visitor.user}-other`);
  await other.open();
  await other.page.getByText("Nothing here yet").waitFor();
  await other.leave();
});
