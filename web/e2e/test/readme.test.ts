/** web/README.md: its commands exist, and its config.json has the described effect. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Config } from "../../app/src/config.ts";
import { samples } from "../../testing/samples.ts";
import { openBrowser, Visitor } from "../src/browser.ts";

const WEB = resolve(import.meta.dirname, "../..");

let browser: Browser;
let commands: string[];
let config: Required<Config>;
beforeAll(async () => {
  const found = await samples(new URL("../../README.md", import.meta.url));
  const [shell, json] = found;
  expect(found.map(({ language }) => language)).toEqual(["sh", "json"]);
  const lines = (shell?.code ?? "").trim().split("\n");
  commands = lines.map((line) => line.replace(/ *#.*/, ""));
  config = JSON.parse(json?.code ?? "");
  browser = await openBrowser();
});
afterAll(() => browser.close());

test("every command is one of npm's own or a script of its package", async () => {
  // These run the tests, install dependencies, which has just happened, and measure.
  const own = ["npm ci", "npm test", "npm test -- client", "cargo dev bench web"];
  const scripts = commands.filter((command) => !own.includes(command));
  expect(scripts.length).toBe(commands.length - own.length);
  for (const command of scripts) {
    const [, script = "", workspace = ""] = /^npm run (\w+)(?: -w (\w+))?$/.exec(command) ?? [];
    const manifest = JSON.parse(await readFile(resolve(WEB, workspace, "package.json"), "utf8"));
    expect(Object.keys(manifest.scripts), command).toContain(script);
  }
});

test("the page with reload is served, and asks the API of `cargo dev`", async () => {
  expect(commands).toContain("npm run dev -w app");
  // A process group of its own, so that the processes which npm starts end with it.
  const npm = spawn("npm", ["run", "dev", "-w", "app", "--", "--port", "0"], { cwd: WEB, detached: true });
  try {
    let url = "";
    for await (const line of createInterface(npm.stdout)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
      [url = ""] = /http:\/\/\S+/.exec(line.replace(/\x1b\[\d+m/g, "")) ?? [];
      if (url) break;
    }
    const visitor = await Visitor.arrive(browser);
    const asked = visitor.page.waitForRequest((request) => request.url() === "http://localhost:3000/usage");
    await visitor.page.goto(`${url}#token=any`);
    await asked;
    await visitor.leave();
  } finally {
    if (npm.pid) process.kill(-npm.pid);
  }
});

test("config.json names the API", async () => {
  const visitor = await Visitor.arrive(browser, { bypassCSP: true });
  const { page, stack, token } = visitor;
  const { oidc: _, ...pasting } = config;
  await page.route("**/config.json", (route) => route.fulfill({ json: pasting }));
  await page.route(`${config.api}/**`, async (route) => {
    const asked = route.request();
    const { pathname, search } = new URL(asked.url());
    const answer = await fetch(`${stack.api}${pathname}${search}`, { headers: await asked.allHeaders() });
    const headers = { "Access-Control-Allow-Origin": "*" };
    await route.fulfill({ status: answer.status, headers, json: await answer.json() });
  });
  // As on any deployed page: a link's token is dropped, a pasted one is a way in.
  await page.goto(`${stack.page.split("#")[0]}#token=${token}`);
  await page.getByLabel("Token").fill(token);
  expect(page.url()).not.toContain("token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Nothing here yet").waitFor();
  await visitor.leave();
});

test("config.json names the provider, and signing in begins there with PKCE", async () => {
  const visitor = await Visitor.arrive(browser, { bypassCSP: true });
  const { page, stack } = visitor;
  const { authority, clientId } = config.oidc;
  const json = { issuer: authority, authorization_endpoint: `${authority}/authorize` };
  await page.route("**/config.json", (route) => route.fulfill({ json: config }));
  await page.route(`${authority}/**`, (route) =>
    route.request().url().endsWith("/.well-known/openid-configuration")
      ? route.fulfill({ json })
      : route.fulfill({ body: "The provider's own page" }),
  );
  const here = stack.page.split("#")[0] ?? "";
  await page.goto(here);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The provider's own page").waitFor();
  const asked = new URL(page.url());
  expect(asked.origin + asked.pathname).toBe(json.authorization_endpoint);
  expect(Object.fromEntries(asked.searchParams)).toMatchObject({
    client_id: clientId,
    response_type: "code",
    code_challenge_method: "S256",
    redirect_uri: new URL(here).href,
  });
  await visitor.leave();
});
