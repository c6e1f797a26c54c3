/**
 * Firefox and WebKitGTK: the client's uploads from the disk, and the page. Each runs if Debian's package is installed
 * (`firefox-esr`, `webkit2gtk-driver` with `xvfb`). `npm run browsers` runs what takes longer as well, and fails if one
 * is missing.
 */
import { existsSync } from "node:fs";
import { mkdtemp, open, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bundle } from "../../testing/bundle.ts";
import { tokenFor } from "../../testing/stack.ts";
import type { Engine } from "../src/engine.ts";
import { Firefox } from "../src/marionette.ts";
import { Network } from "../src/network.ts";
import { WebKit } from "../src/webkit.ts";

const MIB = 1024 * 1024;
const EVERYTHING = process.env.BROWSERS === "all";

const installed = (...paths: string[]) => paths.find((path) => existsSync(path)) ?? "";
const ENGINES: [name: string, program: string, start: (program: string, proxy: string) => Promise<Engine>][] = [
  ["Firefox", installed("/usr/bin/firefox-esr", "/usr/bin/firefox"), Firefox.start],
  ["WebKitGTK", existsSync("/usr/bin/Xvfb") ? installed("/usr/bin/WebKitWebDriver") : "", WebKit.start],
];

const SOURCE = `
  import { createClient, UploadQueue } from "@slipway/client";
  globalThis.slipway = createClient({ url: API, token: () => TOKEN, retry: { firstPauseMs: 5, longestPauseMs: 50 } });
  globalThis.queue = new UploadQueue(slipway);
  globalThis.chosen = document.querySelector("input");
  globalThis.code = (work) => work.then(() => "none", (error) => error.code ?? String(error));`;

let script: string;
let server: Server;
let folder: string;
const { origin, api, page } = inject("stack");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-browsers-"));
  script = await bundle(SOURCE);
  const token = await tokenFor(inject("stack"), `browsers-${process.pid}-${Date.now()}`);
  const html = `<!doctype html><meta charset="utf-8"><input type="file" multiple>
    <script>globalThis.API = ${JSON.stringify(api)}; globalThis.TOKEN = ${JSON.stringify(token)};</script>
    <script type="module">${script}</script>`;
  server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(html));
  await new Promise<void>((resolve) => server.listen(Number(new URL(origin).port), "127.0.0.1", resolve));
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await rm(folder, { recursive: true });
});

/** A file of `size` zeros, or of the text. */
async function onDisk(name: string, content: number | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : "");
  if (typeof content === "number") await truncate(path, content);
  return path;
}

describe.each(ENGINES)("%s", (_, program, start) => {
  test.runIf(EVERYTHING)("is installed", () => expect(program).not.toBe(""));

  let engine: Engine;
  let network: Network;
  beforeAll(async () => {
    if (!program) return;
    network = await Network.start();
    engine = await start(program, network.url);
  });
  afterAll(async () => {
    await engine?.stop();
    await network?.stop();
  });

  const visit = async (...paths: string[]) => {
    await engine.open(origin);
    await engine.until("globalThis.code");
    await engine.choose("chosen", paths);
  };
  /** Opens the page for a new user. */
  const signIn = async (user: string) => {
    const token = await tokenFor(inject("stack"), `${user}-${process.pid}-${Date.now()}`);
    // The tab keeps the session of the user before.
    await engine.open(page.split("#")[0] ?? "");
    await engine.run("sessionStorage.clear()");
    await engine.open(origin);
    await engine.open(`${page.split("#")[0]}#token=${token}`);
  };
  const parts = () => network.taken.map(({ url }) => url.searchParams.get("partNumber")).filter((part) => part);

  test.runIf(program)("uploads from the disk: at once, in parts and by the queue", async () => {
    const texts = [await onDisk("a.txt", "alpha"), await onDisk("b.txt", "beta"), await onDisk("c ü.txt", "gamma")];
    await visit(...texts, await onDisk("large.bin", 11 * MIB));
    const found = await engine.run(`
      for await (const { id } of slipway.list()) await slipway.remove(id);
      const [first, , , large] = chosen.files;
      const progress = [];
      const stored = await slipway.upload(first, { onProgress: ({ sent, total }) => progress.push(sent, total) });
      const text = await (await slipway.download(stored.id)).text();
      const options = { partsAbove: 1 << 20, partSize: 5 << 20 };
      const { size, checksumCrc64nvme } = await slipway.upload(large, options);
      queue.add([...chosen.files].slice(0, 3));
      const { done, failed } = await queue.idle();
      const names = [];
      for await (const { id, fileName } of slipway.list()) names.push(fileName), await slipway.remove(id);
      return { text, last: progress.slice(-2), size, checked: checksumCrc64nvme.length, done, failed, names: names.sort() };`);
    expect(found).toEqual({
      text: "alpha",
      last: [5, 5],
      size: 11 * MIB,
      checked: 12,
      done: 3,
      failed: 0,
      names: ["a.txt", "a.txt", "b.txt", "c ü.txt", "large.bin"],
    });
    expect(parts().sort()).toEqual(["1", "2", "3"]);
  });

  test.runIf(program)("the page uploads and shows what is dropped", async () => {
    await signIn("page");
    await engine.until(`document.body.innerText.includes("Choose files")`);
    // WebDriver cannot use a file dialog, with which a person chooses. A file of the disk is dropped instead.
    const input = `document.body.appendChild(Object.assign(document.createElement("input"), { type: "file", id: "disk" }))`;
    await engine.choose(input, [await onDisk("shown.txt", "Hello, Slipway")]);
    await engine.run(`
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(document.querySelector("#disk").files[0]);
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));`);
    await engine.until(`document.querySelector(".library .file")?.textContent.includes("shown.txt")`);
  });

  test.runIf(program && EVERYTHING)("the page uploads, copies a link, opens, deletes and undoes", async () => {
    await signIn("clicks");
    await engine.until(`document.body.innerText.includes("Nothing here yet")`);
    // The page opens the dialogue of an input that is not in the document. There, the driver can type into it.
    await engine.run("HTMLInputElement.prototype.click = function () { document.body.append(this); }");
    await engine.click(".add wa-button");
    await engine.choose(`document.querySelector("body > input[type=file]")`, [await onDisk("notes.txt", "Hello")]);
    const rows = (count: number) => engine.until(`document.querySelectorAll(".library .file").length === ${count}`);
    const toast = (text: string) =>
      engine.until(
        `[...document.querySelectorAll("wa-toast-item")].some(({ textContent }) => textContent.includes("${text}"))`,
      );
    await rows(1);
    await engine.until(`document.querySelector(".library").innerText.includes("notes.txt")`);
    await engine.click("[aria-label='List']");
    await engine.click("[aria-label='Copy link to notes.txt']");
    await toast("Link copied.");
    await engine.click("[aria-label='Open notes.txt']");
    await engine.until(`document.body.innerText.includes("Hello")`);
    await engine.run("history.back()");
    await engine.until(`!document.querySelector(".preview").open`);
    await engine.click("[aria-label='More for notes.txt']");
    await engine.click("wa-dropdown-item[value='Rename']");
    // The name is focused and selected, without its extension.
    await engine.until(`document.activeElement.id === "new-name" && document.activeElement.selectionEnd === 5`);
    await engine.click("wa-dialog[label=Rename] wa-button");
    await engine.until(`!document.querySelector("wa-dialog[label=Rename]")`);
    await engine.click("[aria-label='More for notes.txt']");
    await engine.click("wa-dropdown-item[value='Delete']");
    await rows(0);
    await toast("Undo");
    await engine.run(`
      const buttons = [...document.querySelectorAll("wa-toast-item button")];
      buttons.find(({ textContent }) => textContent.trim() === "Undo").click();`);
    await rows(1);
  });

  test.runIf(program && EVERYTHING)("a cut connection costs the parts that were being sent", async () => {
    await visit(await onDisk("cut.bin", 31 * MIB));
    const before = network.taken.length;
    let cuts = 0;
    network.fault = ({ url }) =>
      url.searchParams.get("partNumber") === "3" && cuts++ === 0 ? { cut: MIB } : undefined;
    const size = await engine.run(`
      const options = { partsAbove: 1 << 20, partSize: 5 << 20 };
      return (await slipway.upload(chosen.files[0], options)).size;`);
    network.fault = () => undefined;
    expect([size, cuts > 1]).toEqual([31 * MIB, true]);
    expect(network.taken.length - before).toBe(7);
  });

  test.runIf(program && EVERYTHING)("the same file continues after a reload", async () => {
    const path = await onDisk("again.bin", 21 * MIB);
    await visit(path);
    const before = network.taken.length;
    network.fault = ({ url }) => (Number(url.searchParams.get("partNumber")) > 2 ? "hold" : undefined);
    const sending = engine.run(`
      globalThis.sending = slipway.upload(chosen.files[0], { partsAbove: 1 << 20, partSize: 5 << 20 });
      sending.catch(() => undefined);`);
    await sending;
    await expect.poll(() => network.taken.length - before).toBe(2);
    network.fault = () => undefined;
    await visit(path);
    const resumed = await engine.run(`
      let resumed = 0;
      const onProgress = (progress) => (resumed = progress.resumed);
      await slipway.upload(chosen.files[0], { partsAbove: 1 << 20, partSize: 5 << 20, onProgress });
      return resumed;`);
    expect(resumed).toBe(10 * MIB);
    expect(network.taken.length - before).toBe(5);
  });

  test.runIf(program && EVERYTHING).each(["shrinks", "grows", "vanishes"])("a file that %s is named", async (how) => {
    for (const [checksum, size] of [
      [true, 100_000],
      [false, 100_000],
      [false, 20 * MIB],
    ] as const) {
      const path = await onDisk(`${how}.bin`, size);
      await visit(path);
      if (how === "shrinks") await truncate(path, size / 2);
      if (how === "grows") {
        const file = await open(path, "a");
        await file.write("more");
        await file.close();
      }
      if (how === "vanishes") await unlink(path);
      const code = await engine.run(`return code(slipway.upload(chosen.files[0], { checksum: ${checksum} }))`);
      // Firefox and WebKit may send a file that has grown as far as it went when it was chosen.
      expect(how === "grows" ? ["file_changed", "none"] : ["file_changed"]).toContain(code);
    }
  });

  test.runIf(program && EVERYTHING)("an image that is shown can be read, and 100 files take few requests", async () => {
    const paths = await Promise.all(Array.from({ length: 100 }, (_, n) => onDisk(`many-${n}.txt`, `file ${n}`)));
    await visit(...paths);
    const before = network.log.length;
    const totals = await engine.run("queue.add(chosen.files); return queue.idle()");
    expect(totals).toMatchObject({ done: 100, failed: 0 });
    const calls = network.log.slice(before).filter(({ method }) => method === "POST");
    expect(calls.length).toBeLessThan(40);
    const read = await engine.run(`
      const bytes = Uint8Array.from(atob("R0lGODlhAQABAAAAACwAAAAAAQABAAA="), (c) => c.charCodeAt(0));
      const file = await slipway.upload(new File([bytes], "dot.gif", { type: "image/gif" }));
      const { url } = await slipway.get(file.id);
      const image = new Image();
      await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject, src: url }));
      return (await (await slipway.download(file.id)).blob()).size;`);
    expect(read).toBe(23);
  });
});
