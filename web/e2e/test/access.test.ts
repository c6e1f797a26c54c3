/** Accessibility: axe finds no fault in any state, nothing scrolls sideways on a phone, and users can sign in. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { act, choose, done, left, picture, text } from "../src/files.ts";

let browser: Browser;
let axe: string;
beforeAll(async () => {
  browser = await openBrowser();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
});
afterAll(() => browser.close());

interface Violation {
  id: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** All violations, as text. */
async function faults(page: Page): Promise<string[]> {
  const violations = (await page.evaluate(`${axe}; axe.run().then(({ violations }) => violations)`)) as Violation[];
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`,
  );
}

/** An element that fades in has less contrast for a moment. A real violation stays. */
async function clean(page: Page, state: string): Promise<void> {
  await expect.poll(() => faults(page), { message: state, timeout: 30_000, interval: 300 }).toEqual([]);
}

/** Whether nothing covers the element, such as the header. */
function isOnTop(element: Element): boolean {
  const { left, top, width } = element.getBoundingClientRect();
  return element.contains(document.elementFromPoint(left + width / 2, top + 4));
}

/** Begins an upload and leaves it unfinished. */
async function begin({ stack, token }: Visitor, fileName: string): Promise<void> {
  const answer = await fetch(`${stack.api}/multipart-uploads`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ fileName, contentType: "video/mp4", size: 70_000_000 }),
  });
  expect(answer.status).toBe(201);
}

const PHONE = { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true };
const LOOKS: [string, BrowserContextOptions][] = [
  ["wide and light", { colorScheme: "light" }],
  ["wide and dark", { colorScheme: "dark" }],
  ["a phone, light", { ...PHONE, colorScheme: "light" }],
  ["a phone, dark", { ...PHONE, colorScheme: "dark" }],
];

test.each(LOOKS)("axe finds no fault: %s", async (_, options) => {
  const user = `somebody.with.a.long.name.${Date.now()}@example.com`;
  const visitor = await Visitor.arrive(browser, { ...options, reducedMotion: "reduce" }, user);
  const page = await visitor.open();
  // A phone zooms out until the content fits, so `innerWidth` would be that of the content.
  const fits = async () => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    return width <= (page.viewportSize()?.width ?? 0);
  };
  await page.getByText("Nothing here yet").waitFor();
  await clean(page, "empty");
  expect(await fits(), "empty").toBe(true);
  await begin(visitor, `مرحبا ${"a film that goes on ".repeat(9)}.mp4`);
  await page.reload();
  await left(page, "film").waitFor();
  await clean(page, "unfinished");
  expect(await fits(), "unfinished").toBe(true);
  const bad = { ...text("setup.exe"), mimeType: "application/x-msdownload" };
  await choose(page, [text(`A long name ${"that goes on ".repeat(9)}.txt`), picture("dot.png"), bad]);
  await done(page, 2);
  await clean(page, "queue, gallery and toast");
  expect(await fits(), "gallery").toBe(true);
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.getByLabel("Select dot.png").check();
  await clean(page, "list and selection");
  await page.locator("wa-toast-item").waitFor({ state: "detached" });
  const size = page.viewportSize() ?? { width: 0, height: 0 };
  await page.setViewportSize({ ...size, height: 300 });
  const last = page.locator(".library .file").last();
  await last.evaluate((file) => file.scrollIntoView({ block: "start" }));
  expect(await page.getByRole("group", { name: "Selection" }).evaluate(isOnTop), "selection").toBe(true);
  await page.setViewportSize(size);
  expect(await fits(), "list").toBe(true);
  await page.getByRole("button", { name: "Open dot.png" }).click();
  await page.getByRole("dialog").waitFor();
  await clean(page, "preview");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "More for dot.png" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).waitFor();
  await clean(page, "menu");
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByLabel("Name", { exact: true }).waitFor();
  await clean(page, "rename");
  await page.keyboard.press("Escape");
  await page.locator("wa-dialog[label=Rename]").waitFor({ state: "detached" });
  await act(page, "dot.png", "Details");
  await page.locator("wa-drawer").getByText("image/png").waitFor();
  await clean(page, "details");
  expect(await fits(), "details").toBe(true);
  expect(visitor.errors).toEqual([]);
  await visitor.leave();
});

test("a pasted token signs in, an invalid one does not, and signing out ends the session", async () => {
  const visitor = await Visitor.arrive(browser);
  const { page, stack, token } = visitor;
  await page.goto(stack.page.split("#")[0] ?? "");
  await page.getByLabel("Token").waitFor();
  await clean(page, "signed out");
  await page.getByLabel("Token").fill("nonsense");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This token is not accepted").waitFor();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Nothing here yet").waitFor();
  expect(page.url()).not.toContain("token");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  await visitor.leave();
});

test("dark and light follow the system, until the user chooses", async () => {
  const visitor = await Visitor.arrive(browser, { colorScheme: "light" });
  const page = await visitor.open();
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const luminance = async () => Math.max(...((await background()).match(/[\d.]+/g) ?? []).slice(0, 3).map(Number));
  const isDark = async () => (await luminance()) < 80;
  expect(await isDark()).toBe(false);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(isDark).toBe(true);
  await page.getByRole("button", { name: "Light theme" }).click();
  await expect.poll(isDark).toBe(false);
  await page.reload();
  await page.getByRole("button", { name: "Dark theme" }).waitFor();
  expect(await isDark()).toBe(false);
  await visitor.leave();
});
