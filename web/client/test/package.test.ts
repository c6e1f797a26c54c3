/** The published package: its types match the API, and its size is limited. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, test } from "vitest";
import { chunks } from "../../testing/bundle.ts";

const CLIENT = resolve(import.meta.dirname, "..");

test("the types are those of openapi.yaml", async () => {
  const spec = new URL("../../../openapi.yaml", import.meta.url);
  const types = astToString(await openapiTS(spec));
  const kept = await readFile(resolve(CLIENT, "src/schema.ts"), "utf8");
  const hint = "run `npm run generate --workspace client` in web/";
  expect(kept.endsWith(types), hint).toBe(true);
});

test("the package has no runtime dependency", async () => {
  const manifest = JSON.parse(await readFile(resolve(CLIENT, "package.json"), "utf8"));
  expect(manifest.dependencies).toBeUndefined();
});

/** Everything but the queue. */
const CLIENT_ONLY = `export { connect, createClient, discard, download, get, inspect, list, listFolder, listPage, plainName, remove, removeMany,
  rename, SlipwayError, unfinished, upload, usage } from "@slipway/client";`;

test("the bundle stays within its size limits, also when only parts are imported", async () => {
  const queued = await size('export * from "@slipway/client";');
  const whole = await size(CLIENT_ONLY);
  const upload = await size('export { connect, upload } from "@slipway/client";');
  const listing = await size('export { connect, list } from "@slipway/client";');
  const readme = await readFile(resolve(CLIENT, "README.md"), "utf8");
  console.log(`gzipped: all ${queued}, without the queue ${whole}, upload ${upload}, list ${listing} bytes`);
  // The figures in the README must hold.
  const promised = [...readme.matchAll(/\*\*(\d+(?:\.\d)?) kB\*\*/g)].map(([, kilobytes]) => Number(kilobytes) * 1000);
  expect(promised).toHaveLength(2);
  expect(promised[0]).toBeLessThanOrEqual(6200);
  expect(whole).toBeLessThanOrEqual(promised[0] ?? 0);
  expect(queued).toBeLessThanOrEqual(promised[1] ?? 0);
  expect(upload).toBeLessThan(whole);
  expect(listing).toBeLessThan(whole / 2);
});

test("every module is in the list of measured bundles", async () => {
  const [exported, measured] = await Promise.all(
    ['export * from "@slipway/client";', CLIENT_ONLY].map(async (source) => {
      const [, names = ""] =
        /export ?\{([^}]*)\};?\s*$/.exec((await chunks(source)).find(({ isEntry }) => isEntry)?.code ?? "") ?? [];
      return names.split(",").map((name) => name.replace(/.* as /, "").trim());
    }),
  );
  expect(exported?.filter((name) => !measured?.includes(name))).toEqual(["UploadQueue"]);
});

/** The minified and gzipped bytes that a page loads at once; what it loads later is not part of it. */
async function size(source: string): Promise<number> {
  const loaded = (await chunks(source)).filter(({ isEntry }) => isEntry);
  return loaded.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
}
