/** Every kind of file is shown: the tests check the pixels or the media that the browser has decoded. */
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { choose, done, file, text } from "../src/files.ts";
import { pdf, png, share, wav, webm } from "../src/media.ts";

const RED: [number, number, number] = [255, 0, 0];
const LINES = Array.from({ length: 40_000 }, (_, i) => `Line ${i}`).join("\n");

let browser: Browser;
let visitor: Visitor;
let page: Page;
beforeAll(async () => {
  browser = await openBrowser();
  visitor = await Visitor.arrive(browser);
  page = await visitor.open();
  const made = [await png(page, "red.png"), await webm(page, "red.webm"), pdf("red.pdf"), wav("tone.wav", 2)];
  await choose(page, [...made, text("short.txt", "Grüße, 世界"), text("long.txt", LINES), text("empty.txt", "")]);
  await done(page, 7);
});
// Closes what a test has left open.
beforeEach(async () => {
  await page.reload();
  await file(page, "red.png").waitFor();
});
afterEach(() => expect(visitor.errors).toEqual([]));
afterAll(async () => {
  await visitor.leave();
  await browser.close();
});

/** Opens the preview of a file, runs `look`, and closes it. */
async function preview(name: string, look: (stage: Locator) => Promise<void>): Promise<void> {
  await page.getByRole("button", { name: `Open ${name}` }).click();
  await page.getByRole("dialog", { name }).waitFor();
  await look(page.locator(".stage"));
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

const red = (shown: Locator) => expect.poll(async () => share(page, await shown.screenshot(), RED));

/** The position and the metadata of a player. */
const player = (found: Locator) =>
  found.evaluate((element) => {
    const { readyState, duration, currentTime } = element as HTMLMediaElement;
    const { videoWidth, videoHeight } = element as HTMLVideoElement;
    return { readyState, duration, currentTime, videoWidth, videoHeight };
  });

test("an image", async () => {
  await preview("red.png", async (stage) => {
    const image = stage.getByRole("img", { name: "red.png" });
    await expect.poll(() => image.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(640);
    await red(image).toBeGreaterThan(0.95);
  });
});

test("a video, which plays", async () => {
  await preview("red.webm", async (stage) => {
    const video = stage.locator("video");
    const shown = { videoWidth: 320, videoHeight: 240 };
    await expect.poll(() => player(video)).toMatchObject(shown);
    // The controls are dark; the rest is the video.
    await red(video).toBeGreaterThan(0.5);
    await video.evaluate((video) => (video as HTMLVideoElement).play());
    await expect.poll(async () => (await player(video)).currentTime).toBeGreaterThan(0);
  });
});

test("audio, with its length", async () => {
  await preview("tone.wav", async (stage) => {
    const audio = stage.locator("audio");
    await expect.poll(() => player(audio)).toMatchObject({ readyState: 4, duration: 2 });
    expect(await audio.isVisible()).toBe(true);
  });
});

test("a PDF, drawn by the browser's own viewer", async () => {
  await preview("red.pdf", (stage) => red(stage).toBeGreaterThan(0.2));
});

test("a browser without a viewer of PDF says so", async () => {
  await page.evaluate(() => Object.defineProperty(navigator, "pdfViewerEnabled", { value: false }));
  await preview("red.pdf", (stage) => stage.getByText("Download it to open it.").waitFor());
});

test("text: all of it, the beginning of much, and none", async () => {
  await preview("short.txt", async (stage) => {
    await stage.getByText("Grüße, 世界", { exact: true }).waitFor();
    expect(await stage.getByText("The beginning of it").count()).toBe(0);
  });
  await preview("long.txt", async (stage) => {
    await stage.getByText("Line 0").waitFor();
    expect((await stage.locator("pre").innerText()).length).toBeLessThanOrEqual(200_000);
    await stage.getByText("The beginning of it").waitFor();
  });
  await preview("empty.txt", (stage) => stage.getByText("The file is empty.").waitFor());
});

test("images and videos have thumbnails, and the others an icon of their kind", async () => {
  const thumb = (name: string) => file(page, name).locator(".thumb");
  // The checkbox and the sign of a video cover a part of the picture.
  await file(page, "red.webm").locator("img.thumb").waitFor();
  await red(thumb("red.webm")).toBeGreaterThan(0.8);
  await red(thumb("red.png")).toBeGreaterThan(0.85);
  for (const [name, kind] of [
    ["tone.wav", "audio"],
    ["red.pdf", "pdf"],
    ["short.txt", "text"],
  ] as const) {
    await file(page, name).locator(`span.thumb.${kind} svg`).waitFor();
  }
});

test("each filter leaves what is of its type", async () => {
  const shown = () => page.locator(".library .file-name").allInnerTexts();
  const all = ["empty.txt", "long.txt", "red.pdf", "red.png", "red.webm", "short.txt", "tone.wav"];
  for (const [type, names] of [
    ["Images", ["red.png"]],
    ["Videos", ["red.webm"]],
    ["Audio", ["tone.wav"]],
    ["PDF", ["red.pdf"]],
    ["Text", ["empty.txt", "long.txt", "short.txt"]],
    ["All types", all],
  ] as const) {
    await page.getByLabel("Type").selectOption(type);
    await expect.poll(async () => (await shown()).sort()).toEqual(names);
  }
});

test("a picture that cannot be decoded says so, and has the icon of its kind", async () => {
  await choose(page, [{ name: "broken.png", mimeType: "image/png", buffer: Buffer.from("not a picture") }]);
  await done(page, 1);
  await file(page, "broken.png").locator("span.thumb.image").waitFor();
  await preview("broken.png", (stage) => stage.getByText("This picture is damaged").waitFor());
});

test("a text that arrives after its preview was closed is not rendered elsewhere, and is kept", async () => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const isText = ({ host }: URL) => host === new URL(visitor.stack.s3).host;
  await page.route(isText, async (route) => {
    if (route.request().headers().range) await arrived;
    await route.continue();
  });
  await preview("long.txt", async (stage) => {
    await stage.locator("wa-spinner").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByRole("dialog", { name: "empty.txt" }).waitFor();
    arrive();
    await stage.getByText("The file is empty.").waitFor();
    await page.waitForLoadState("networkidle");
    await page.keyboard.press("ArrowRight");
    await stage.getByText("Line 0").waitFor();
  });
  await page.unroute(isText);
});
