/** docs/recipes.md: every sample runs unchanged. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClient } from "../../client/src/index.ts";
import { bundle } from "../../testing/bundle.ts";
import { type Sample, samples } from "../../testing/samples.ts";
import { startStack, tokenFor } from "../../testing/stack.ts";
import { openBrowser, Visitor } from "../src/browser.ts";
import { text } from "../src/files.ts";

let found: Sample[];
let browser: Browser;
beforeAll(async () => {
  found = await samples(new URL("../../../docs/recipes.md", import.meta.url));
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** The only sample in a language under a heading. The last test fails for samples that no test has used. */
function sample(heading: string, language: string): string {
  const fitting = found.filter((each) => each.heading === heading && each.language === language);
  expect(fitting, `${heading}, ${language}`).toHaveLength(1);
  const [one] = fitting as [Sample];
  used.add(one);
  return one.code;
}
const used = new Set<Sample>();

/** Runs a script on the page of a new user, runs `act`, and returns the names of the user's files. */
async function inPage(source: string, types: "ts" | "tsx", act: (page: Page, visitor: Visitor) => Promise<void>) {
  const code = await bundle(source, types);
  const visitor = await Visitor.arrive(browser, { bypassCSP: true });
  const { page, stack, token } = visitor;
  await page.goto(`${stack.page.split("/#")[0]}/config.json`);
  await page.evaluate(
    ([api, token]) => Object.assign(globalThis, { API: api, token: async () => token }),
    [stack.api, token],
  );
  await page.addScriptTag({ content: code, type: "module" });
  await act(page, visitor);
  const client = createClient({ url: stack.api, token: () => token });
  const names = [];
  for await (const { fileName } of client.list()) names.push(fileName);
  await visitor.leave();
  return names;
}

async function inShell(program: string, code: string, name: string): Promise<void> {
  const stack = inject("stack");
  const folder = await mkdtemp(join(tmpdir(), "slipway-recipe-"));
  const user = `${name}-${process.pid}-${Date.now()}`;
  const token = await tokenFor(stack, user);
  try {
    await writeFile(join(folder, "sample"), program === "bash" ? `set -euo pipefail\n${code}` : code);
    const env = { ...process.env, API: stack.api, TOKEN: token };
    await promisify(execFile)(program, ["sample"], { cwd: folder, env });
  } finally {
    await rm(folder, { recursive: true });
  }
  const client = createClient({ url: stack.api, token: () => token });
  expect((await client.listPage()).files.map(({ fileName }) => fileName)).toEqual([name]);
}

test("curl", () => inShell("bash", sample("curl", "sh"), "photo.txt"));

test("Python", () => inShell("python3", sample("Python", "python"), "report.txt"));

const FILE = 'new File(["Hello"], "hello.txt", { type: "text/plain" })';
const finished = (page: Page) => page.waitForFunction("globalThis.result").then((result) => result.jsonValue());

test("fetch", async () => {
  const run = `${sample("fetch", "js")}\nupload(${FILE}).then((file) => (globalThis.result = file.fileName));`;
  const names = await inPage(run, "ts", async (page) => expect(await finished(page)).toBe("hello.txt"));
  expect(names).toEqual(["hello.txt"]);
});

test("XMLHttpRequest, with progress", async () => {
  const api = /async function api[\s\S]*?\n}\n/.exec(sample("fetch", "js"))?.[0];
  const run = `${api}${sample("XMLHttpRequest, with progress", "js")}
    let last;
    upload(${FILE}, (part) => (last = part)).then(() => (globalThis.result = last));`;
  const names = await inPage(run, "ts", async (page) => expect(await finished(page)).toBe(1));
  expect(names).toEqual(["hello.txt"]);
});

test("Avatars, albums and many files at once", async () => {
  const api = /async function api[\s\S]*?\n}\n/.exec(sample("fetch", "js"))?.[0];
  const files = '[new File(["1"], "1.txt", { type: "text/plain" }), new File(["2"], "2.txt", { type: "text/plain" })]';
  const run = `${api}${sample("Avatars, albums and many files at once", "js")}
    uploadAlbum(${files}, "Ferien").then((results) => (globalThis.result = results));`;
  const names = await inPage(run, "ts", async (page) => {
    const results = (await finished(page)) as { file: { metadata: object } }[];
    expect(results.map(({ file }) => file.metadata)).toEqual([{ album: "Ferien" }, { album: "Ferien" }]);
  });
  expect(names).toHaveLength(2);
});

const mount = (component: string) => `
  import { createElement } from "react";
  import { createRoot } from "react-dom/client";
  createRoot(document.body.appendChild(document.createElement("div"))).render(createElement(${component}));`;

/** Chooses two files, one of which is refused, and waits until the page shows it. */
async function chooseTwo(page: Page): Promise<void> {
  const refused = { ...text("setup.exe"), mimeType: "application/x-msdownload" };
  await page.getByLabel("Files").setInputFiles([text("hello.txt"), refused]);
  await page.getByText("hello.txt: done").waitFor();
  const row = page.locator("p", { hasText: "setup.exe" });
  await row.getByText("are not accepted here").waitFor();
  await row.getByRole("button", { name: "Cancel" }).click();
  await row.waitFor({ state: "detached" });
}

test("React", async () => {
  expect(await inPage(`${sample("React", "tsx")}${mount("Uploader")}`, "tsx", chooseTwo)).toEqual(["hello.txt"]);
  expect(lines("React", "tsx")).toBeLessThanOrEqual(15);
});

/** The lines of a sample that contain more than punctuation. */
function lines(heading: string, language: string): number {
  const { length } = sample(heading, language).match(/^.*\w.*$/gm) ?? [];
  return length;
}

/** Runs a component of a file format of its own. */
async function asComponent(name: string, code: string, run: string): Promise<void> {
  // Below the folder whose packages it imports.
  const folder = await mkdtemp(join(import.meta.dirname, "recipe-"));
  try {
    const path = join(folder, name);
    await writeFile(path, code);
    expect(await inPage(`import App from ${JSON.stringify(path)};\n${run}`, "ts", chooseTwo)).toEqual(["hello.txt"]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("Vue", () =>
  asComponent(
    "App.vue",
    sample("Vue", "vue"),
    'import { createApp } from "vue"; createApp(App).mount(document.body.appendChild(document.createElement("div")));',
  ));

test("Svelte", () =>
  asComponent(
    "App.svelte",
    sample("Svelte", "svelte"),
    'import { mount } from "svelte"; mount(App, { target: document.body });',
  ));

test("Plain HTML", async () => {
  const html = sample("Plain HTML, Angular and everything else", "html");
  const [, tag = "", script = ""] = /^([\s\S]*)<script type="module">([\s\S]*)<\/script>/.exec(html) ?? [];
  const run = `document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(tag)});\n${script}`;
  const names = await inPage(run, "ts", async (page) => {
    await page.getByLabel("Choose files").setInputFiles(text("html.txt"));
    await page.getByText("Done", { exact: true }).waitFor();
  });
  expect(names).toEqual(["html.txt"]);
  expect(lines("Plain HTML, Angular and everything else", "html")).toBeLessThanOrEqual(15);
});

test("Node.js", async () => {
  const folder = await mkdtemp(join(import.meta.dirname, "recipe-"));
  const stack = inject("stack");
  const token = await tokenFor(stack, `node-${process.pid}-${Date.now()}`);
  const film = join(folder, "film.mp4");
  try {
    await writeFile(film, "a film");
    await writeFile(
      join(folder, "sample.mjs"),
      sample("Node.js", "js").replace('"film.mp4",', `${JSON.stringify(film)},`),
    );
    Object.assign(process.env, { API: stack.api, TOKEN: token });
    await import(join(folder, "sample.mjs"));
  } finally {
    await rm(folder, { recursive: true });
  }
  const { files } = await createClient({ url: stack.api, token: () => token }).listPage();
  expect(files).toMatchObject([{ fileName: "film.mp4", contentType: "video/mp4", size: 6 }]);
});

test("Next.js", async () => {
  const route = sample("Next.js", "ts").replace('import { auth } from "./auth";', "const auth = globalThis.auth;");
  const stack = inject("stack");
  const accessToken = await tokenFor(stack, `next-${process.pid}-${Date.now()}`);
  let session: object | null = null;
  Object.assign(globalThis, { auth: async () => session });
  const { GET } = await import(`data:text/javascript,${encodeURIComponent(await bundle(route))}`);
  expect((await GET()).status).toBe(401);
  session = { accessToken };
  const answer = await (await GET()).json();
  expect(answer).toEqual({ token: accessToken });

  const component = sample("Next.js", "tsx").replace("process.env.NEXT_PUBLIC_SLIPWAY_URL!", "API");
  await inPage(`${component}${mount("UploadPage")}`, "tsx", async (page) => {
    await page.route("**/api/token", (asked) => asked.fulfill({ json: answer }));
    await page.getByLabel("Files").setInputFiles([text("one.txt"), text("two.txt")]);
    await page.getByText("2 of 2 are there").waitFor();
    expect(await page.getByRole("listitem").count()).toBe(2);
  });
  const client = createClient({ url: stack.api, token: () => accessToken });
  expect((await client.listPage()).files.map(({ fileName }) => fileName)).toHaveLength(2);
});

test("Uppy, in one PUT and in parts", async () => {
  const run = `${sample("Uppy", "js")}\nglobalThis.uppy = uppy;`;
  const MIB = 1024 * 1024;
  const add = (name: string, size: number) =>
    `uppy.addFile({ name: "${name}", type: "video/mp4", data: new Blob([new Uint8Array(${size})]) })`;
  const names = await inPage(run, "ts", async (page, { network }) => {
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    await page.waitForFunction("globalThis.uppy");
    await page.evaluate(add("small.mp4", 1000));
    await page.evaluate(add("large.mp4", 101 * MIB));
    const result = await page.evaluate(
      "uppy.upload().then(({ successful, failed }) => [successful.length, failed.length])",
    );
    expect(result).toEqual([2, 0]);
    expect(said.sort()).toEqual(["large.mp4", "small.mp4"]);
    const parts = network.taken.filter(({ url }) => url.searchParams.has("partNumber"));
    expect(parts.map(({ url }) => url.searchParams.get("partNumber"))).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
  });
  expect(names.sort()).toEqual(["large.mp4", "small.mp4"]);
});

test("Uppy goes on with what S3 has, as Golden Retriever does after a reload", async () => {
  const run = `${sample("Uppy", "js")}\nglobalThis.uppy = uppy;`;
  const names = await inPage(run, "ts", async (page, { network }) => {
    await page.waitForFunction("globalThis.uppy");
    const data = "new Blob([new Uint8Array(101 * 1024 * 1024)])";
    await page.evaluate(`uppy.addFile({ name: "film.mp4", type: "video/mp4", data: ${data} })`);
    const taken = () => network.taken.map(({ url }) => url.searchParams.get("partNumber"));
    // The third part never finishes.
    let held = true;
    network.fault = ({ url }) => (held && url.searchParams.get("partNumber") === "3" ? { cut: 1 } : undefined);
    await page.evaluate("void (globalThis.result = uppy.upload())");
    await expect.poll(() => taken().length).toBe(2);
    await page.evaluate("uppy.pauseAll()");
    held = false;
    await page.evaluate("uppy.resumeAll()");
    const result = "result.then(({ successful, failed }) => [successful.length, failed.length])";
    expect(await page.evaluate(result)).toEqual([1, 0]);
    expect(taken()).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
    const listed = network.log.filter(
      ({ method, url }) => method === "GET" && url.pathname.startsWith("/multipart-uploads/"),
    );
    expect(listed).not.toEqual([]);
  });
  expect(names).toEqual(["film.mp4"]);
});

test("Mobile: React Native and Expo", async () => {
  const run = `
    ${sample("Mobile: React Native and Expo", "js")}
    globalThis.disk = { "file:///IMG_1.jpg": new Blob(["picture"]) };
    const asset = { uri: "file:///IMG_1.jpg", name: "IMG_1.jpg", mimeType: "image/jpeg", size: 7 };
    const sent = [];
    uploadAsset(asset, (progress) => sent.push(progress.sent)).then(
      (file) => (globalThis.result = sent.includes(7) && file.contentType),
    );`;
  const names = await inPage(run, "ts", async (page) => expect(await finished(page)).toBe("image/jpeg"));
  expect(names).toEqual(["IMG_1.jpg"]);
});

test("A backend that signs for its users, and rotates its key", async () => {
  const source = sample("A backend that signs for its users", "mjs");
  const { newKey, publicKeys, tokenFor } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const keys: Record<string, string> = { "2026-11": newKey(), "2026-12": newKey() };
  const set = publicKeys(keys);
  expect(set).not.toContain('"d"');
  const env = { JWT_KEYS: set, JWT_ISSUER: "https://app.example.com", JWT_AUDIENCE: "slipway" };
  const { stack, stop } = await startStack(env);
  try {
    const as = (kid: string, pem?: string) => {
      const token = tokenFor("user-7", kid, pem ?? keys[kid]);
      return createClient({ url: stack.api, token: () => token });
    };
    await as("2026-11").upload(new File(["Hello"], "old.txt"));
    const { objectKey } = await as("2026-12").upload(new File(["Hello"], "new.txt"));
    expect(objectKey).toMatch(/^user-7\//);
    const listed = await as("2026-11").listPage();
    expect(listed.files.map(({ fileName }) => fileName)).toEqual(["new.txt", "old.txt"]);
    for (const [kid, pem] of [["2027-01"], ["2026-12", keys["2026-11"]], ["2026-12", newKey()]])
      await expect(as(kid as string, pem ?? newKey()).listPage()).rejects.toMatchObject({ code: "unauthenticated" });
  } finally {
    await stop();
  }
});

test("Files of an organisation: Cognito and Clerk", async () => {
  const source = sample("Files of an organisation", "js");
  const { handler } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const event = (attributes: object) => ({
    version: "2",
    triggerSource: "TokenGeneration_HostedAuth",
    request: { userAttributes: { sub: "alice", ...attributes }, groupConfiguration: {} },
    response: { claimsAndScopeOverrideDetails: null },
  });
  const { response } = await handler(event({ "custom:org_id": "org-7" }));
  const { idTokenGeneration, accessTokenGeneration } = response.claimsAndScopeOverrideDetails;
  expect(idTokenGeneration).toEqual({ claimsToAddOrOverride: { org_id: "org-7" } });
  expect(accessTokenGeneration).toEqual(idTokenGeneration);
  const personal = (await handler(event({}))).response.claimsAndScopeOverrideDetails;
  expect(personal).toEqual({ idTokenGeneration: {}, accessTokenGeneration: {} });

  const template = JSON.parse(sample("Files of an organisation", "json"));
  expect(template).toEqual({ aud: "slipway", org_id: "{{org.id}}" });
});

test("no sample is left out", () => {
  // crates/tools/dev/tests/doctor/recipes.rs runs those in SQL, and webhooks.test.ts those of webhooks.
  const elsewhere = (each: Sample) => each.language === "sql" || each.heading === "Receiving webhooks";
  const left = found.filter((each) => !used.has(each) && !elsewhere(each));
  expect(left.map(({ heading, language }) => `${heading}, ${language}`)).toEqual([]);
});
