/** A gallery of large photos, whose previews are all that a browser loads. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { choose, done, file } from "../src/files.ts";

const PHOTOS = 50;
/** Bytes per second of a link with 400 kbit/s. */
const SLOW = 50_000;

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** A JPEG of twelve megapixels and about 5 MB: a landscape, and the noise of a camera. */
async function photo(page: Page): Promise<Buffer> {
  const base64 = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 4000, height: 3000 });
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    const sky = context.createLinearGradient(0, 0, 0, 3000);
    for (const [at, color] of [
      [0, "#27c"],
      [0.6, "#cde"],
      [0.61, "#583"],
      [1, "#241"],
    ] as const)
      sky.addColorStop(at, color);
    context.fillStyle = sky;
    context.fillRect(0, 0, 4000, 3000);
    for (let hill = 0; hill < 40; hill++) {
      context.fillStyle = `hsl(${90 + hill * 3} 35% ${20 + hill}%)`;
      context.beginPath();
      context.arc((hill * 997) % 4000, 2000 + ((hill * 613) % 1000), 80 + ((hill * 389) % 300), 0, 7);
      context.fill();
    }
    const pixels = context.getImageData(0, 0, 4000, 3000);
    // A fixed sequence, so that every run has the same photo.
    let state = 1;
    for (let at = 0; at < pixels.data.length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if (at % 4 < 3) pixels.data[at] = (pixels.data[at] ?? 0) + (state >>> 27) - 16;
    }
    context.putImageData(pixels, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    const reader = new FileReader();
    const read = new Promise((resolve) => reader.addEventListener("load", resolve));
    reader.readAsDataURL(blob as Blob);
    await read;
    return String(reader.result).split(",")[1] ?? "";
  });
  return Buffer.from(base64, "base64");
}

/** Uploads `body` so often, and waits until each file has its preview. */
async function upload({ stack, token }: Visitor, body: Buffer): Promise<void> {
  const call = async (path: string, json?: unknown) => {
    const response = await fetch(stack.api + path, {
      method: json ? "POST" : "GET",
      headers: { Authorization: `Bearer ${token}` },
      body: json ? JSON.stringify(json) : null,
    });
    expect(response.ok).toBe(true);
    return response.json();
  };
  const files = Array.from({ length: PHOTOS }, (_, n) => ({
    fileName: `photo-${n}.jpg`,
    contentType: "image/jpeg",
    size: body.length,
  }));
  const { uploads } = await call("/presign-upload", { files });
  for (const { presignedUrl, method, headers } of uploads) {
    const response = await fetch(presignedUrl, { method, headers, body: new Uint8Array(body) });
    expect(response.status).toBe(200);
  }
  await call("/save-metadata", { objectKeys: uploads.map(({ objectKey }: { objectKey: string }) => objectKey) });
  const previews = async () => {
    const { files } = await call(`/files?limit=${PHOTOS}`);
    return files.filter(({ previewUrl }: { previewUrl: string | null }) => previewUrl).length;
  };
  await expect.poll(previews, { timeout: 300_000, interval: 1000 }).toBe(PHOTOS);
}

/**
 * Limits a page to a slow link, and counts the bytes that it receives: of everything, and without the page's own
 * scripts and styles. The local stack sends those uncompressed, CloudFront compresses them to a third.
 */
async function slow(page: Page, origin: string): Promise<{ all: number; files: number }> {
  const received = { all: 0, files: 0 };
  const urls = new Map<string, string>();
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ requestId, request }) => urls.set(requestId, request.url));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    received.all += encodedDataLength;
    if (!urls.get(requestId)?.startsWith(origin)) received.files += encodedDataLength;
  });
  const conditions = { offline: false, latency: 0, downloadThroughput: SLOW, uploadThroughput: SLOW };
  await session.send("Network.emulateNetworkConditions", conditions);
  return received;
}

test("fifty photos of 5 MB show within 1.5 MB, and within 20 s at 400 kbit/s", async () => {
  const owner = await Visitor.arrive(browser);
  const body = await photo(owner.page);
  expect(body.length).toBeGreaterThan(4_500_000);
  await upload(owner, body);

  // A new browser profile, which has nothing in its cache.
  const visitor = await Visitor.arrive(browser, {}, owner.user);
  const received = await slow(visitor.page, new URL(visitor.stack.page).origin);
  const page = await visitor.open();
  const shown = async () =>
    page.locator(".library img.thumb").evaluateAll((all) => {
      const inView = all.filter((image) => image.getBoundingClientRect().top < window.innerHeight);
      return inView.length > 0 && inView.every((image) => (image as HTMLImageElement).naturalWidth > 0);
    });
  await expect.poll(shown, { timeout: 120_000 }).toBe(true);
  await page.waitForLoadState("networkidle");
  const widths = await page
    .locator(".library img.thumb")
    .evaluateAll((all) => all.map((image) => (image as HTMLImageElement).naturalWidth));
  expect(widths.length).toBeGreaterThan(8);
  expect(new Set(widths)).toEqual(new Set([512]));
  console.log(`${widths.length} previews: ${received.files} bytes, ${received.all} with the page`);
  expect(received.all).toBeLessThan(1_500_000);
  expect(received.files / SLOW).toBeLessThan(20);
  await visitor.leave();
  await owner.leave();
});

test("a photo is never loaded for its thumbnail, not even right after its upload", async () => {
  const visitor = await Visitor.arrive(browser);
  const buffer = await photo(visitor.page);
  const page = await visitor.open();
  await choose(page, [{ name: "new.jpg", mimeType: "image/jpeg", buffer }]);
  await done(page, 1);
  const thumb = file(page, "new.jpg").locator("img.thumb");
  await expect.poll(() => thumb.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(512);
  const originals = visitor.network.log.filter(
    ({ method, url }) =>
      method === "GET" && url.origin === visitor.stack.s3 && !decodeURIComponent(url.pathname).endsWith("/!preview"),
  );
  expect(originals.map(({ url }) => url.pathname)).toEqual([]);
  await visitor.leave();
});
