/** The archives that are published: complete, of types that resolve, and usable in projects that have nothing else. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { tokenFor } from "../../testing/stack.ts";

const WEB = resolve(import.meta.dirname, "../..");
const PACKAGES = ["client", "react", "uploader"];

const run = promisify(execFile);
const bin = (name: string) => join(WEB, "node_modules/.bin", name);

let folder: string;
/** What `npm pack` says of each: the archive and its files. */
const packed = new Map<string, { archive: string; files: string[] }>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-packed-"));
  // In this order: the types of the others are compiled against the client's.
  for (const name of PACKAGES) {
    const pack = ["pack", "--json", "--pack-destination", folder];
    const { stdout } = await run("npm", pack, { cwd: join(WEB, name) });
    const told = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
    const [{ filename, files }] = Object.values(told) as [{ filename: string; files: { path: string }[] }];
    packed.set(name, { archive: join(folder, filename), files: files.map(({ path }) => path) });
  }
});
afterAll(() => rm(folder, { recursive: true }));

const archives = () => PACKAGES.map((name) => packed.get(name)?.archive ?? "");

test.each(PACKAGES)("%s is complete", async (name) => {
  const files = packed.get(name)?.files ?? [];
  for (const file of [
    "README.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "dist/index.js",
    "dist/index.d.ts",
  ]) {
    expect(files).toContain(file);
  }
  expect(files.filter((file) => /^(src|test)\//.test(file))).toEqual([]);
  const manifest = JSON.parse(await readFile(join(WEB, name, "package.json"), "utf8"));
  expect(manifest).toMatchObject({
    license: "MIT OR Apache-2.0",
    engines: { node: ">=20" },
    repository: { directory: `web/${name}` },
    publishConfig: { provenance: true },
  });
});

test.each(PACKAGES)("publint and attw find nothing in %s", async (name) => {
  const { archive = "" } = packed.get(name) ?? {};
  await run(bin("publint"), [archive, "--strict"]);
  await run(bin("attw"), [archive, "--profile", "esm-only"]);
});

/** A project with the archives, and nothing from the registry. */
async function project(name: string, files: Record<string, string>): Promise<string> {
  const cwd = join(folder, name);
  await mkdir(cwd);
  await writeFile(join(cwd, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  // React is a peer, which this project does not use.
  const offline = ["--offline", "--legacy-peer-deps", "--no-audit", "--no-fund"];
  await run("npm", ["install", ...offline, ...archives()], { cwd });
  for (const [path, text] of Object.entries(files)) await writeFile(join(cwd, path), text);
  return cwd;
}

test("a Node project uploads files from the disk, in parts and by the queue", async () => {
  const script = `
    import { openAsBlob } from "node:fs";
    import { createClient, UploadQueue } from "@slipway/client";
    const slipway = createClient({ url: process.env.API, token: () => process.env.TOKEN });
    const film = await openAsBlob("film.bin");
    const parts = { partsAbove: 1 << 20, partSize: 5 << 20 };
    const { fileName, size } = await slipway.upload(film, { fileName: "film.bin", ...parts });
    const queue = new UploadQueue(slipway);
    queue.add([{ file: await openAsBlob("package.json"), name: "package.json" }]);
    const { done } = await queue.idle();
    console.log(JSON.stringify({ fileName, size, done }));`;
  const cwd = await project("node", { "upload.js": script, "film.bin": "x".repeat(11 << 20) });
  const stack = inject("stack");
  const token = await tokenFor(stack, `packed-${process.pid}-${Date.now()}`);
  const env = { ...process.env, API: stack.api, TOKEN: token };
  const { stdout } = await run(process.execPath, ["upload.js"], { cwd, env });
  expect(JSON.parse(stdout)).toEqual({ fileName: "film.bin", size: 11 << 20, done: 1 });
});

test("a Vite project builds, and what only large files need is a chunk of its own", async () => {
  const cwd = await project("vite", {
    "index.html": '<slipway-uploader></slipway-uploader><script type="module" src="main.js"></script>',
    "main.js": 'import "@slipway/uploader";',
  });
  await run(bin("vite"), ["build", cwd, "--logLevel", "error"], { cwd });
  const { stdout } = await run("ls", ["dist/assets"], { cwd });
  expect(stdout).toMatch(/index-.*\.js/);
  expect(stdout).toMatch(/crc64-.*\.js/);
});

test("the script for pages without a bundler needs nothing else", async () => {
  const script = await readFile(join(WEB, "uploader/dist/standalone.js"), "utf8");
  expect(script).not.toMatch(/\bimport\s*[("'{]|\bfrom\s*["']/);
  expect(script).toContain("slipway-uploader");
});
