/** The client and the Uppy preset in a browser: the cache, names, and messages that a person sees. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser } from "../src/browser.ts";
import { inPage } from "../src/in-page.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test("a file that an <img> has shown can be read by a script", async () => {
  const source = `
    import { createClient } from "@slipway/client";
    globalThis.slipway = createClient({ url: API, token, retry: { attempts: 1 } });`;
  await inPage(browser, source, async (page) => {
    await page.waitForFunction("globalThis.slipway");
    // The smallest GIF.
    const bytes = "Uint8Array.from(atob('R0lGODlhAQABAAAAACwAAAAAAQABAAA='), (c) => c.charCodeAt(0))";
    const read = await page.evaluate(`(async () => {
      const file = await slipway.upload(new File([${bytes}], "dot.gif", { type: "image/gif" }));
      const { url } = await slipway.get(file.id);
      const image = new Image();
      await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject, src: url }));
      return (await (await slipway.download(file.id)).blob()).size;
    })()`);
    expect(read).toBe(23);
  });
});

test("Uppy: an edited name and a folder's path are kept, and a refusal is a sentence", async () => {
  const source = `
    import Uppy from "@uppy/core";
    import AwsS3 from "@uppy/aws-s3";
    import { useSlipway } from "@slipway/client/uppy";
    globalThis.uppy = useSlipway(new Uppy(), AwsS3, { url: API, token });`;
  await inPage(browser, source, async (page) => {
    await page.waitForFunction("globalThis.uppy");
    const names = await page.evaluate(`(async () => {
      const data = new Blob(["x"], { type: "text/plain" });
      const edited = uppy.addFile({ name: "a.txt", type: "text/plain", data });
      uppy.setFileMeta(edited, { name: "edited.txt" });
      uppy.addFile({ name: "b.txt", type: "text/plain", data, meta: { relativePath: "folder/inner/b.txt" } });
      const { successful } = await uppy.upload();
      return successful.map(({ response }) => response.body.file.fileName).sort();
    })()`);
    expect(names).toEqual(["edited.txt", "folder/inner/b.txt"]);
    const said = await page.evaluate(`(async () => {
      uppy.clear();
      uppy.addFile({ name: "c.exe", type: "application/x-msdownload", data: new Blob(["x"]) });
      const { failed } = await uppy.upload();
      return failed.map(({ error }) => error);
    })()`);
    expect(said).toEqual([expect.stringContaining("application/x-msdownload")]);
    expect(said).not.toEqual([expect.stringContaining("[object")]);
  });
});
