/** The React hooks and the web component, each on a page that has nothing else. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser } from "../src/browser.ts";
import { picture, sparse, text } from "../src/files.ts";
import { inPage } from "../src/in-page.ts";

const MIB = 1024 * 1024;

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const REACT = `
  import { createClient, UploadQueue } from "@slipway/client";
  import { useFiles, useUploads } from "@slipway/react";
  import { createElement, StrictMode, useState } from "react";
  import { createRoot } from "react-dom/client";
  const slipway = createClient({ url: API, token });
  const queue = new UploadQueue(slipway, { partsAbove: 1 << 20, partSize: 5 << 20, concurrency: 1 });
  function App() {
    const [type, setType] = useState("");
    const { uploads, totals, add, pause, resume, cancel, clear } = useUploads(queue);
    const own = useUploads(slipway);
    globalThis.same ??= [own.queue, own.add];
    globalThis.stable = globalThis.same[0] === own.queue && globalThis.same[1] === own.add && own.queue !== queue;
    const { files, isLoading, hasMore, more, remove } = useFiles(slipway, { contentType: type, pageSize: 2, queue });
    return (
      <>
        <input type="file" multiple aria-label="Choose" onChange={(event) => add(event.target.files ?? [])} />
        <p role="status">{totals.done} done, {totals.paused} paused</p>
        <ol aria-label="uploads">{uploads.map(({ key, name, state }) => (
          <li key={key}>{name}: {state}
            <button onClick={() => pause(key)}>Pause</button>
            <button onClick={() => resume(key)}>Resume</button>
            <button onClick={() => cancel(key)}>Cancel</button>
          </li>))}
        </ol>
        <button onClick={clear}>Clear</button>
        <select aria-label="Type" onChange={(event) => setType(event.target.value)}>
          <option value="">All</option><option value="image/">Images</option>
        </select>
        <ol aria-label="files" aria-busy={isLoading}>{files.map(({ id, fileName }) => (
          <li key={id}>{fileName}<button onClick={() => remove(id)}>Delete</button></li>))}
        </ol>
        {hasMore && <button onClick={more}>More</button>}
      </>
    );
  }
  createRoot(document.body.appendChild(document.createElement("div"))).render(<StrictMode><App /></StrictMode>);`;

test("React: uploads and files are state, paused, continued, cancelled, filtered and deleted", async () => {
  const film = await sparse("film.mp4", 20 * MIB);
  await inPage(
    browser,
    REACT,
    async (page, { network, errors }) => {
      const list = (name: string) => page.getByRole("list", { name }).getByRole("listitem");
      const input = page.getByLabel("Choose");
      await input.setInputFiles([text("one.txt"), text("two.txt"), picture("three.png")]);
      await page.getByRole("status").filter({ hasText: "3 done" }).waitFor();
      const names = () => list("files").evaluateAll((rows) => rows.map((row) => row.firstChild?.textContent).sort());
      await expect.poll(names).toEqual(["one.txt", "three.png", "two.txt"]);
      expect(await page.evaluate("globalThis.stable")).toBe(true);

      network.fault = ({ url }) => (url.searchParams.get("partNumber") === "2" ? "hold" : undefined);
      await input.setInputFiles(film.path);
      const row = list("uploads").filter({ hasText: "film.mp4" });
      await expect.poll(() => network.log.some(({ url }) => url.searchParams.get("partNumber") === "2")).toBe(true);
      await row.getByRole("button", { name: "Pause" }).click();
      await page.getByRole("status").filter({ hasText: "1 paused" }).waitFor();
      network.fault = () => undefined;
      await row.getByRole("button", { name: "Resume" }).click();
      await page.getByRole("status").filter({ hasText: "4 done" }).waitFor();
      expect(network.taken.filter(({ url }) => url.searchParams.has("partNumber"))).toHaveLength(4);

      network.fault = ({ method }) => (method === "PUT" ? "hold" : undefined);
      await input.setInputFiles(text("never.txt"));
      const never = list("uploads").filter({ hasText: "never.txt: uploading" });
      await never.getByRole("button", { name: "Cancel" }).click();
      await never.waitFor({ state: "detached" });
      network.fault = () => undefined;
      await page.getByRole("button", { name: "Clear" }).click();
      await expect.poll(() => list("uploads").count()).toBe(0);

      await page.getByLabel("Type").selectOption("image/");
      await expect.poll(names).toEqual(["three.png"]);
      await page.getByLabel("Type").selectOption("");
      await expect.poll(() => list("files").count()).toBe(2);
      await page.getByRole("button", { name: "More" }).click();
      await expect.poll(names).toEqual(["film.mp4", "one.txt", "three.png", "two.txt"]);
      await list("files").filter({ hasText: "one.txt" }).getByRole("button", { name: "Delete" }).click();
      await expect.poll(names).toEqual(["film.mp4", "three.png", "two.txt"]);
      expect(errors).toEqual([]);
    },
    "tsx",
  );
  await film.remove();
});

const ELEMENT = `
  const early = document.body.appendChild(document.createElement("slipway-uploader"));
  Object.assign(early, { token, labels: { choose: "Dateien wählen" }, metadata: { from: "test" } });
  early.setAttribute("url", API);
  const events = (globalThis.events = []);
  document.addEventListener("slipway-done", ({ detail }) => events.push("done " + detail.fileName));
  document.addEventListener("slipway-failed", ({ detail }) => events.push("failed " + detail.error.code));
  document.addEventListener("slipway-idle", ({ detail }) => events.push("idle " + detail.done));
  await import("@slipway/uploader");
  globalThis.early = early;`;

test("<slipway-uploader>: chosen and dropped files, events, properties set before its definition, and a refusal", async () => {
  await inPage(browser, ELEMENT, async (page, { network, errors }) => {
    await page.waitForFunction("globalThis.early?.shadowRoot");
    await page.getByLabel("Dateien wählen").setInputFiles([text("one.txt"), text("two.txt")]);
    await page.getByText("Done").nth(1).waitFor();
    await expect.poll(() => page.evaluate("events.slice().sort()")).toEqual(["done one.txt", "done two.txt", "idle 2"]);

    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(["MZ"], "setup.exe", { type: "application/x-msdownload" }));
      const zone = document.querySelector("slipway-uploader")?.shadowRoot?.querySelector(".zone");
      zone?.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
    });
    await page.getByText("Failed: ").waitFor();
    expect(await page.evaluate("events")).toContain("failed type_not_allowed");
    expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(0);
    await page.getByRole("button", { name: "Cancel setup.exe" }).click();
    await page.getByText("Failed: ").waitFor({ state: "detached" });

    // Moved in the page, it shows the same uploads, and tells each event once.
    await page.evaluate("document.body.appendChild(early)");
    network.fault = ({ method }) => (method === "PUT" ? "hold" : undefined);
    await page.getByLabel("Dateien wählen").setInputFiles(text("three.txt"));
    await page.getByRole("button", { name: "Pause three.txt" }).click();
    network.fault = () => undefined;
    await page.getByRole("button", { name: "Resume three.txt" }).click();
    await page.getByText("Done").nth(2).waitFor();
    const told = () => page.evaluate("events.filter((event) => event === 'done three.txt').length");
    await expect.poll(told).toBe(1);

    await page.evaluate("early.setAttribute('single', '')");
    expect(await page.evaluate("early.shadowRoot.querySelector('input').multiple")).toBe(false);
    const missing = await page.evaluate(`(() => {
      try { document.createElement("slipway-uploader").queue; } catch (error) { return error.message; }
    })()`);
    expect(missing).toContain("needs the attribute url");
    expect(errors).toEqual([]);
  });
});
