/** Sign-in by OpenID Connect, on the page as the template hosts it. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Stack, startStack } from "../../testing/stack.ts";
import { openBrowser, Visitor } from "../src/browser.ts";
import { choose, done, file, picture, text } from "../src/files.ts";
import { Hosted } from "../src/hosted.ts";
import { Identity, RESOURCE } from "../src/provider.ts";

let browser: Browser;
let hosted: Hosted;
let identity: Identity;
let stack: Stack;
let stop: () => Promise<void>;
beforeAll(async () => {
  browser = await openBrowser();
  hosted = await Hosted.start();
  identity = await Identity.start(hosted.url);
  const keys = { JWT_ISSUER: identity.issuer, JWT_AUDIENCE: RESOURCE, JWT_PUBLIC_KEY: identity.publicKey };
  ({ stack, stop } = await startStack(keys, "--origin", hosted.url));
  const outputs = { ApiUrl: stack.api, BucketUrl: stack.s3, JwtIssuer: identity.issuer };
  await hosted.publish(stack.tokens[0] ?? "", outputs, "--client-id", "page", "--resource", RESOURCE);
}, 20 * 60_000);
afterAll(async () => {
  await Promise.all([browser.close(), hosted.stop(), identity.stop()]);
  await stop();
});

let visitor: Visitor;
let page: Page;
/** Violations of the page's Content Security Policy. */
let refused: string[];
beforeEach(async () => {
  Object.assign(identity, { firstSeconds: 3600, renews: true });
  identity.grants.length = 0;
  visitor = await Visitor.arrive(browser);
  page = visitor.page;
  refused = [];
  await page.addInitScript(() =>
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.error(`refused by policy: ${violatedDirective} ${blockedURI}`),
    ),
  );
  page.on("console", (message) => {
    if (message.text().startsWith("refused by policy")) refused.push(message.text());
  });
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.errors).toEqual([]);
});

/** Uses the provider's sign-in form. */
async function fill(at: Page, user: string): Promise<void> {
  await at.getByPlaceholder("Enter any login").fill(user);
  await at.getByPlaceholder("and password").fill("any");
  await at.getByRole("button", { name: "Sign-in" }).click();
}

async function signIn(user: string): Promise<void> {
  await page.goto(hosted.url);
  await page.getByRole("button", { name: "Sign in" }).click();
  await fill(page, user);
  await page.getByRole("heading", { name: "Files", exact: true }).waitFor();
}

const someone = (name: string) => `${name}-${process.pid}-${Date.now()}`;

test("a user signs in, uploads, previews, reloads and signs out, and the next user sees none of it", async () => {
  const [alice, bob] = [someone("alice"), someone("bob")];
  await signIn(alice);
  await page.getByText(alice).waitFor();
  const pdf = { name: "paper.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4\n%%EOF") };
  await choose(page, [text("notes.txt"), picture("dot.png"), pdf]);
  await done(page, 3);
  const dialog = page.locator("wa-dialog");
  await page.getByRole("button", { name: "Open notes.txt" }).click();
  await dialog.getByText("Hello, Slipway").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Open dot.png" }).click();
  const shown = dialog.getByRole("img", { name: "dot.png" });
  await expect.poll(() => shown.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(1);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Open paper.pdf" }).click();
  await expect.poll(() => page.frames().some((frame) => frame.url().startsWith(stack.s3))).toBe(true);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });

  // No token is stored where another site, or a later user of this browser, could read it.
  await expect.poll(() => page.url()).toBe(hosted.url);
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/access_token|id_token|eyJ/);
  await page.reload();
  await file(page, "notes.txt").waitFor();
  expect(identity.grants).toEqual(["authorization_code"]);

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toMatch(/eyJ/);
  const visited = await page.evaluate("navigation.entries().map(({ url }) => url).join()");
  expect(visited).toContain(hosted.url);
  expect(visited).not.toMatch(/code=|eyJ/);
  await signIn(bob);
  await page.getByText("Nothing here yet").waitFor();
  expect(refused).toEqual([]);
});

test("the policy limits the page to its servers and its own scripts", async () => {
  await page.goto(hosted.url);
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  const { headers } = await fetch(hosted.url);
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("cache-control")).toBe("no-cache");
  const elsewhere = visitor.network.url;
  const answered = await page.evaluate(
    (url) =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    elsewhere,
  );
  expect(answered).toBe(false);
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    return "ran" in window;
  });
  expect(ran).toBe(false);
  // Both the header and the policy in the page refuse the script.
  const directives = () => refused.map((line) => line.split(" ")[3]);
  await expect.poll(directives).toEqual(["connect-src", "script-src-elem", "script-src-elem"]);
});

test("a session that the API refuses ends, and the user can sign in again", async () => {
  visitor.network.fault = ({ method, url }) =>
    url.origin === stack.api && method !== "OPTIONS" ? { answer: 401 } : undefined;
  await page.goto(hosted.url);
  await page.getByRole("button", { name: "Sign in" }).click();
  await fill(page, someone("frank"));
  await page.getByText("Your session has ended").waitFor();
  visitor.network.fault = () => undefined;
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Nothing here yet").waitFor();
});

/** Pretends that the token has expired. */
async function expire(): Promise<void> {
  await page.evaluate(() => {
    const key = Object.keys(sessionStorage).find((key) => key.startsWith("oidc.user")) ?? "";
    const user = JSON.parse(sessionStorage.getItem(key) ?? "");
    sessionStorage.setItem(key, JSON.stringify({ ...user, expires_at: 1 }));
  });
}

test("a session renews itself, once for all requests of a moment", async () => {
  identity.firstSeconds = 1;
  await signIn(someone("carol"));
  await page.getByText("Nothing here yet").waitFor();
  expect(identity.grants).toEqual(["authorization_code", "refresh_token"]);

  await expire();
  await page.reload();
  await page.getByText("Nothing here yet").waitFor();
  expect(identity.grants.length).toBe(3);

  // A token that the API refuses although the page considers it valid.
  let refusals = 0;
  visitor.network.fault = ({ method, url }) =>
    method === "POST" && url.pathname === "/presign-upload" && refusals++ === 0 ? { answer: 401 } : undefined;
  await choose(page, [text("again.txt")]);
  await done(page, 1);
  expect(refusals).toBe(2);
  expect(identity.grants.length).toBe(4);

  // A refresh token is valid once. Using it twice ends the session.
  await expire();
  await choose(page, [text("one.txt"), text("two.txt"), text("three.txt")]);
  await done(page, 4);
  expect(identity.grants.length).toBe(5);
});

test("an end of the session keeps the queue, whichever user signs in first", async () => {
  identity.renews = false;
  const dora = someone("dora");
  await signIn(dora);
  await page.getByText("Nothing here yet").waitFor();
  await expire();
  await choose(page, [text("waits.txt")]);
  const again = page.getByRole("button", { name: "Sign in again" });
  await again.waitFor();

  const cancelled = page.waitForEvent("popup");
  await again.click();
  await (await cancelled).close();
  await page.getByText("The window was closed").waitFor();

  await visitor.context.clearCookies();
  const wrong = page.waitForEvent("popup");
  await again.click();
  await fill(await wrong, someone("mallory"));
  await page.getByText(`This page is ${dora}'s`).waitFor();

  const right = page.waitForEvent("popup");
  await again.click();
  await fill(await right, dora);
  await done(page, 1);
  await file(page, "waits.txt").waitFor();
  expect(page.url()).toBe(hosted.url);
});

test("a cancelled sign-in and an unexpected response of the provider are reported", async () => {
  await page.goto(hosted.url);
  visitor.network.fault = ({ url }) => (url.origin === identity.issuer ? { cut: 0 } : undefined);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("cannot be reached").waitFor();
  visitor.network.fault = () => undefined;
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByText("Signing in was cancelled or refused").waitFor();
  expect(page.url()).toBe(hosted.url);

  const made = "?error=x&error_description=Call+this+number&state=made-up";
  for (const query of ["?code=stolen&state=made-up", made]) {
    await page.goto(hosted.url + query);
    await page.getByText("This sign-in was not begun here").waitFor();
    expect(await page.getByText("Call this number").count()).toBe(0);
    expect(page.url()).toBe(hosted.url);
  }

  // The nonce of the token does not match the request.
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByPlaceholder("Enter any login").waitFor();
  const other = await visitor.context.newPage();
  await other.goto(`${hosted.url}favicon.svg`);
  const tampered = await other.evaluate(() => {
    const keys = Object.keys(localStorage).filter((key) => JSON.parse(localStorage.getItem(key) ?? "").nonce);
    for (const key of keys) {
      const state = JSON.parse(localStorage.getItem(key) ?? "");
      localStorage.setItem(key, JSON.stringify({ ...state, nonce: "another" }));
    }
    return keys.length;
  });
  expect(tampered).toBeGreaterThan(0);
  await fill(page, someone("erin"));
  await page.getByText("This sign-in was not begun here").waitFor();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toMatch(/eyJ/);
});
