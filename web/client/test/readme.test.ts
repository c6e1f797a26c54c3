/** The README's samples run unchanged. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { bundle } from "../../testing/bundle.ts";
import { samples } from "../../testing/samples.ts";
import { tokenFor } from "../../testing/stack.ts";

test("the README's samples run", async () => {
  const stack = inject("stack");
  const user = `readme-${process.pid}-${Date.now()}`;
  const world = {
    url: stack.api,
    token: await tokenFor(stack, user),
    shown: [] as string[],
  };
  const prelude = `
    const { url, token: text, shown } = globalThis.world;
    const token = () => text;
    const auth = { accessToken: token };
    const blob = new Blob(["scan"], { type: "application/pdf" });
    const file = new File(["image"], "image.png", { type: "image/png" });
    const input = { files: [file] };
    const [bar, stop] = [{}, new AbortController()];
    const show = (...what) => shown.push(what[0]);
    const offerCleanup = () => {};
  `;
  const all = await samples(new URL("../README.md", import.meta.url));
  const found = all.filter(({ language }) => language === "ts").map(({ code }) => code);
  expect(found).toHaveLength(4);
  const folder = await mkdtemp(join(tmpdir(), "slipway-readme-"));
  Object.assign(globalThis, { world });
  try {
    for (const [i, sample] of found.entries()) {
      const imports: string[] = sample.match(/^import .*$/gm) ?? [];
      const rest = sample.replace(/^import .*$/gm, "").replace(/"https:[^"]*"/, "url");
      // Later samples use the client of the first.
      const isLater = !sample.includes("const slipway =") && sample.includes("slipway");
      if (isLater) imports.push('import { createClient } from "@slipway/client";');
      const client = isLater ? "const slipway = createClient({ url, token });" : "";
      const source = [...imports, prelude, client, "{", rest, "}", "export {};"].join("\n");
      const path = join(folder, `${i}.mjs`);
      await writeFile(path, await bundle(source));
      await import(/* @vite-ignore */ path);
    }
    expect(new Set(world.shown)).toEqual(new Set(["image.png"]));
  } finally {
    await rm(folder, { recursive: true });
  }
});
