/** The page in Firefox and WebKit: it loads, uploads, copies a link, deletes and undoes. `npm run test:engines`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { tokenFor } from "../../testing/stack.ts";
import { type Driver, FIREFOX, firefox, WEBKIT, webkit } from "../src/webdriver.ts";

const ENGINES: [string, string | undefined, () => Promise<Driver>][] = [
  ["Firefox", FIREFOX, firefox],
  ["WebKit", WEBKIT, webkit],
];

/** The page opens the dialogue of a file input that is not in the document. There, a driver can type into it. */
const CATCH_INPUT = "HTMLInputElement.prototype.click = function () { document.body.append(this); }";

test.each(ENGINES)("the page works in %s", async (name, program, start) => {
  expect(program, `${name} is not here: apt-get install firefox-esr webkit2gtk-driver xvfb`).toBeDefined();
  const stack = inject("stack");
  const token = await tokenFor(stack, `${name}-${Date.now()}`);
  const folder = await mkdtemp(join(tmpdir(), "slipway-engines-"));
  const path = join(folder, "notes.txt");
  await writeFile(path, "Hello");
  const driver = await start();
  try {
    const text = () => driver.run<string>("return document.body.innerText");
    const shows = (words: string) => expect.poll(text, { message: words }).toContain(words);
    const toasts = () =>
      driver.run<string>("return [...document.querySelectorAll('wa-toast-item')].map((t) => t.textContent).join('|')");
    await driver.go(`${stack.page.split("#")[0]}#token=${token}`);
    await shows("Nothing here yet");
    await driver.run(CATCH_INPUT);
    await driver.click(".add wa-button");
    await driver.type("input[type=file]", path);
    await expect.poll(() => driver.run("return document.querySelectorAll('.file').length")).toBe(1);
    await shows("notes.txt");
    await driver.click("[aria-label='List']");
    await driver.click("[aria-label='Copy link to notes.txt']");
    await expect.poll(toasts).toContain("Link copied.");
    await driver.click("[aria-label='Open notes.txt']");
    await shows("Hello");
    await driver.run("history.back()");
    await expect.poll(() => driver.run("return document.querySelector('.preview').open")).toBe(false);
    await driver.click("[aria-label='More for notes.txt']");
    await driver.click("wa-dropdown-item[value='Delete']");
    await expect.poll(() => driver.run("return document.querySelectorAll('.file').length")).toBe(0);
    await expect.poll(toasts).toContain("Undo");
    await driver.run(
      "[...document.querySelectorAll('wa-toast-item button')].find((b) => b.textContent === 'Undo').click()",
    );
    await expect.poll(() => driver.run("return document.querySelectorAll('.file').length")).toBe(1);
  } finally {
    await driver.quit();
    await rm(folder, { recursive: true });
  }
});
