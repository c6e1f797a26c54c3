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

test("it is small, and smaller still where only some of it is used", async () => {
  const whole = await size('export * from "@slipway/client";');
  const upload = await size('export { connect, upload } from "@slipway/client";');
  const listing = await size('export { connect, list } from "@slipway/client";');
  const readme = await readFile(resolve(CLIENT, "README.md"), "utf8");
  console.log(`gzipped: all ${whole}, connect and upload ${upload}, connect and list ${listing} bytes`);
  // The figure in the README must hold.
  const [, promised] = /\*\*(\d+(?:\.\d)?) kB\*\*/.exec(readme) ?? [];
  expect(whole).toBeLessThanOrEqual(Number(promised) * 1000);
  expect(upload).toBeLessThan(whole);
  expect(listing).toBeLessThan(whole / 2);
});

/** The minified and gzipped bytes that a page loads at once; what it loads later is not part of it. */
async function size(source: string): Promise<number> {
  const loaded = (await chunks(source)).filter(({ isEntry }) => isEntry);
  return loaded.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
}
