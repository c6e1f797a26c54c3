/** What once lost data or misled: undo, leaving, standstills, many failures, long lists, and previews. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser, Visitor } from "../src/browser.ts";
import { FakeApi, many } from "../src/fake.ts";
import { act, choose, done, file, row, sparse, text, toast } from "../src/files.ts";
import { pdf } from "../src/media.ts";

let browser: Browser;
let visitor: Visitor;
let page: Page;
beforeAll(async () => {
  browser = await openBrowser();
});
beforeEach(async () => {
  visitor = await Visitor.arrive(browser);
  page = visitor.page;
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.errors).toEqual([]);
});
afterAll(() => browser.close());

/** Opens the page with an API of its own. */
async function faked(fill: (api: FakeApi) => void): Promise<FakeApi> {
  const api = new FakeApi(visitor.stack);
  fill(api);
  await api.on(page);
  await visitor.open();
  await file(page, "").first().waitFor();
  return api;
}

/** Begins an upload that goes on until the test ends. */
async function uploading(): Promise<() => Promise<void>> {
  visitor.network.pace = 200_000;
  const film = await sparse("film.mp4", 20_000_000);
  await choose(page, film.path);
  await row(page, "film.mp4").getByText("Uploading").waitFor();
  return film.remove;
}

test("Undo works for as long as its message is shown, also while the pointer rests on it", async () => {
  await page.clock.install();
  await visitor.open();
  await choose(page, [text("notes.txt")]);
  await file(page, "notes.txt").waitFor();
  await act(page, "notes.txt", "Delete");
  const offer = toast(page, "notes.txt").filter({ hasText: "Undo" });
  await offer.hover();
  await page.clock.runFor(20_000);
  expect(visitor.network.log.some(({ url }) => url.pathname === "/files/delete")).toBe(false);
  await offer.getByRole("button", { name: "Undo" }).click();
  await file(page, "notes.txt").waitFor();
  // Without the pointer, the delete is done when the offer goes.
  await act(page, "notes.txt", "Delete");
  await page.mouse.move(5, 5);
  await page.clock.runFor(20_000);
  await expect.poll(() => visitor.network.log.some(({ url }) => url.pathname === "/files/delete")).toBe(true);
  await offer.waitFor({ state: "detached" });
});

test("a download during an upload does not ask to leave, and closing the page does, also while paused", async () => {
  await visitor.open();
  await choose(page, [text("notes.txt")]);
  await done(page, 1);
  const remove = await uploading();
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  const [download] = await Promise.all([page.waitForEvent("download"), act(page, "notes.txt", "Download")]);
  expect(download.suggestedFilename()).toBe("notes.txt");
  expect(asked).toEqual([]);
  await page.getByRole("button", { name: "Pause all" }).click();
  await row(page, "film.mp4").getByText("Paused").waitFor();
  // Signing out asks before anything is forgotten, and once.
  await page.getByRole("button", { name: "Sign out" }).click();
  // What is slotted into a dialogue is not inside of the element with the role.
  const question = page.locator("wa-dialog[label^='Sign out']");
  await question.getByRole("button", { name: "Stay" }).click();
  await question.waitFor({ state: "detached" });
  expect(await page.evaluate(() => sessionStorage.getItem("slipway-token"))).toBe(visitor.token);
  // A script would be stopped by the question as well, but Playwright would wait for its end.
  await page.evaluate(() => void setTimeout(() => location.reload()));
  await expect.poll(() => asked).toEqual(["beforeunload"]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await question.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  expect(asked).toEqual(["beforeunload"]);
  await remove();
});

test("the page reports at once that it is offline or that the connection to S3 failed, without a speed", async () => {
  await visitor.open();
  // Nothing reaches S3 after the first bytes.
  const s3 = new URL(visitor.stack.s3).host;
  let puts = 0;
  visitor.network.fault = ({ method, url }) => {
    // The preflight of the first PUT passes, or no byte would be sent.
    if (url.host !== s3 || (method !== "PUT" && puts === 0)) return undefined;
    return { cut: method === "PUT" && puts++ === 0 ? 500_000 : 0 };
  };
  const remove = await uploading();
  const speed = page.locator(".queue").getByText(/\/s/);
  await visitor.context.setOffline(true);
  await page.getByText("You are offline.").waitFor();
  expect(await speed.count()).toBe(0);
  await visitor.context.setOffline(false);
  await page.getByText(/The connection failed\. Attempt \d of 8 failed/).waitFor();
  expect(await speed.count()).toBe(0);
  visitor.network.fault = () => undefined;
  visitor.network.pace = Number.POSITIVE_INFINITY;
  await done(page, 1);
  expect(await page.locator(".trouble").count()).toBe(0);
  await remove();
});

test("an upload reports that S3 is unreachable, and continues when it is reachable", async () => {
  await visitor.open();
  const s3 = new URL(visitor.stack.s3).host;
  visitor.network.fault = ({ url }) => (url.host === s3 ? { cut: 0 } : undefined);
  await choose(page, [text("notes.txt")]);
  await page.getByText(/S3 cannot be reached\. Attempt \d of 8 failed/).waitFor();
  visitor.network.fault = () => undefined;
  await done(page, 1);
  expect(await page.locator(".trouble").count()).toBe(0);
});

test("while the API is unavailable, the page reports each failed attempt to load the list", async () => {
  let isDown = true;
  visitor.network.fault = ({ method, url }) =>
    isDown && method === "GET" && url.pathname === "/files" ? { answer: 503 } : undefined;
  await page.goto(`${visitor.stack.page.split("#")[0]}#token=${visitor.token}`);
  await page.getByText(/^Service Unavailable\. Attempt \d of 8 failed, trying again\.$/).waitFor();
  isDown = false;
  await page.getByText("Nothing here yet").waitFor();
});

test("after the session has ended and a new one has begun, nothing of the old page is left", async () => {
  await visitor.open();
  let isOver = true;
  visitor.network.fault = ({ url, method }) =>
    isOver && method !== "OPTIONS" && url.origin === visitor.stack.api ? { answer: 401 } : undefined;
  await page.getByPlaceholder("Search by name").fill("a");
  await page.getByText("Your session has ended").waitFor();
  isOver = false;
  await page.getByLabel("Token").fill(visitor.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: /Files|Search/ }).waitFor();
  const before = visitor.network.log.length;
  // The window hears of a drop, and so would the old page.
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["Hello"], "notes.txt", { type: "text/plain" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  });
  await done(page, 1);
  await page.waitForLoadState("networkidle");
  const since = visitor.network.log.slice(before).filter(({ method }) => method === "POST");
  expect(since.map(({ url, status }) => `${url.pathname} ${status}`)).toEqual([
    "/presign-upload 200",
    "/save-metadata 201",
  ]);
});

test("a delete of 2,500 files is finished after a reload", async () => {
  await faked((api) => {
    api.files = many(2_500);
  });
  const deleted = new Set<string>();
  page.on("request", (request) => {
    if (request.url().endsWith("/files/delete") && request.method() === "POST")
      for (const id of request.postDataJSON().ids) deleted.add(id);
  });
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await page.keyboard.press("Control+a");
  await page.getByText("All 2,500 files selected").waitFor();
  await page.keyboard.press("Delete");
  await toast(page, "2,500 files deleted").waitFor();
  await page.reload();
  await expect.poll(() => deleted.size).toBe(2_500);
  expect(asked).toEqual(["beforeunload"]);
  // The list of this API still has them; the page does not show them.
  await page.getByText("Nothing here yet").waitFor();
});

test("Back and a reload return to the place in the list", async () => {
  await faked((api) => {
    api.files = many(1_000);
  });
  const y = () => page.evaluate(() => Math.round(window.scrollY));
  await page.getByLabel("Open file-00003.txt").focus();
  const down = () => page.evaluate(() => window.scrollBy(0, 1_000)).then(y);
  await expect.poll(down).toBeGreaterThan(5_000);
  const before = await y();
  // Without a focus, which would scroll to the field.
  await page.getByPlaceholder("Search by name").evaluate((field: HTMLInputElement) => {
    field.value = "file";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await page.waitForURL(/q=file/);
  await expect.poll(y).toBe(0);
  await page.goBack();
  await expect.poll(y).toBe(before);
  await page.reload();
  await expect.poll(y).toBe(before);
});

test("sixty refused files cause one message and no progress bar", async () => {
  await visitor.open();
  const refused = Array.from({ length: 60 }, (_, n) => ({ ...text(`${n}.exe`), mimeType: "application/x-msdownload" }));
  await choose(page, refused);
  await toast(page, "60 files not uploaded").waitFor();
  expect(await page.locator("wa-toast-item").count()).toBe(1);
  await page.locator(".queue .summary", { hasText: "60 failed" }).waitFor();
  expect(await page.getByRole("progressbar", { name: "All uploads" }).count()).toBe(0);
  expect(await page.getByText("0 bytes of 0 bytes").count()).toBe(0);
});

test("an invalid token is refused by the form, and the files page is never shown", async () => {
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.querySelector(".library")) Object.assign(window, { wasShown: true });
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(visitor.stack.page.split("#")[0] ?? "");
  await page.getByLabel("Token").fill("nonsense");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "This token is not accepted" }).waitFor();
  expect(await page.evaluate(() => "wasShown" in window)).toBe(false);
});

test("control characters of a name are marked", async () => {
  await faked((api) => {
    api.files = [{ name: "evil\u202egpj.exe" }];
  });
  const name = file(page, "evil").locator(".file-name");
  expect(await name.innerText()).toBe("evilU+202Egpj.exe");
  expect(await name.getAttribute("title")).toBe("evil[U+202E]gpj.exe");
});

test("ten thousand files are rendered with few nodes, little work for each step of scrolling, and all are selected", async () => {
  await faked((api) => {
    api.files = many(10_000);
  });
  const devtools = await visitor.context.newCDPSession(page);
  const nodes = async () => (await devtools.send("Memory.getDOMCounters")).nodes;
  // `npm run bench -- scroll` measures the milliseconds of a step. Here, its work is counted.
  const steps = await page.evaluate(async () => {
    const counts = { added: 0, present: 0 };
    const count = (element: Element) => element.querySelectorAll("*").length + 1;
    const observer = new MutationObserver((changes) => {
      for (const { addedNodes } of changes)
        for (const node of addedNodes) if (node instanceof Element) counts.added += count(node);
    });
    observer.observe(document, { childList: true, subtree: true });
    const steps = [];
    for (let step = 0; step < 60; step++) {
      counts.added = 0;
      window.scrollBy(0, 600);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      counts.present = count(document.documentElement);
      steps.push({ ...counts });
    }
    return steps;
  });
  const most = (of: (step: (typeof steps)[number]) => number) => Math.max(...steps.map(of));
  expect(most(({ present }) => present)).toBeLessThan(2_500);
  expect(most(({ added }) => added)).toBeLessThan(1_000);
  expect(most(({ added }) => added)).toBeGreaterThan(0);
  await page.keyboard.press("Control+a");
  await page.getByText("All 10,000 files selected").waitFor();
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await file(page, "file-09999.txt").waitFor();
  await devtools.send("HeapProfiler.collectGarbage");
  expect(await nodes()).toBeLessThan(15_000);
});

test("shift selects a range, and the selection says what is in it", async () => {
  await faked((api) => {
    api.files = many(300);
  });
  await page.getByLabel("Select file-00002.txt").check();
  await page.getByLabel("Select file-00006.txt").click({ modifiers: ["Shift"] });
  await page.getByText("5 files selected").waitFor();
  await page.getByRole("button", { name: "Select all" }).click();
  await page.getByText("All 300 files selected").waitFor();
});

test("videos are requested once, and only while they are visible", async () => {
  await faked((api) => {
    api.files = many(200).map(({ name }) => ({ name: `${name}.mp4`, contentType: "video/mp4", size: 39_000_000 }));
  });
  const requested = () => visitor.network.log.filter(({ url }) => url.pathname === "/bytes").length;
  const visible = await page
    .locator(".file")
    .evaluateAll((all) => all.filter((each) => each.getBoundingClientRect().top < window.innerHeight).length);
  await expect.poll(requested).toBe(visible);
  expect(await page.locator("video").count()).toBe(0);
});

test("the preview keeps its place and its keys, and Back closes it", async () => {
  await visitor.open();
  const words = Array.from({ length: 300 }, (_, n) => `Line ${n}`).join("\n");
  await choose(page, [pdf("a.pdf"), text("b.txt", words), text("c.txt", "short")]);
  await done(page, 3);
  await page.getByRole("button", { name: "Open a.pdf" }).click();
  await page.getByRole("dialog", { name: "a.pdf" }).waitFor();
  expect(page.url()).toContain("file=");
  const next = page.getByRole("button", { name: "Next file" });
  const place = () => next.boundingBox();
  // Until the dialogue has stopped moving.
  await page.locator("wa-dialog.preview").evaluate((dialog) => {
    const moves = () => dialog.getAnimations({ subtree: true }).map(({ finished }) => finished);
    return Promise.all([...moves(), ...(dialog.shadowRoot?.getAnimations() ?? []).map(({ finished }) => finished)]);
  });
  const at = await place();
  for (const name of ["b.txt", "c.txt"]) {
    await next.click();
    await page.getByRole("dialog", { name }).waitFor();
    expect(await place()).toEqual(at);
  }
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Open a.pdf" }).click();
  // The viewer takes the focus with the click.
  await page.locator(".stage iframe").click({ position: { x: 100, y: 100 } });
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).not.toBe("IFRAME");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  // A step back in the history is made after the dialogue has closed.
  await expect.poll(() => page.url()).not.toContain("file=");
});

test("at 320 px everything fits and can be touched", async () => {
  await visitor.leave();
  visitor = await Visitor.arrive(browser, { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true });
  page = visitor.page;
  await visitor.open();
  await choose(page, [text("notes.txt"), text(`${"a long name ".repeat(9)}.txt`)]);
  await done(page, 2);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  const small = () =>
    page.evaluate(() =>
      [...document.querySelectorAll("main button:not(.open), main .check, main select, wa-dialog[open] button")]
        .filter((each) => each.getBoundingClientRect().width > 0)
        .filter((each) => Math.min(each.getBoundingClientRect().width, each.getBoundingClientRect().height) < 40)
        .map((each) => each.outerHTML.slice(0, 90)),
    );
  for (const view of ["Gallery", "List"]) {
    await page.getByRole("button", { name: view, exact: true }).click();
    await page.getByLabel("Select notes.txt").check();
    await page.getByText("1 file selected").waitFor();
    expect(await fits(), view).toBe(true);
    expect(await small(), view).toEqual([]);
    await page.getByRole("button", { name: "Clear", exact: true }).click();
  }
  await page.getByRole("button", { name: "Open notes.txt" }).click();
  for (const name of ["Next file", "Download", "Delete"]) {
    const box = await page.locator(".preview").getByRole("button", { name }).boundingBox();
    expect((box?.y ?? 999) + (box?.height ?? 0), name).toBeLessThanOrEqual(640);
  }
  expect(await fits()).toBe(true);
});
