/** Bundles sources into one script for a page. */
import { resolve } from "node:path";
import { rolldown } from "rolldown";
import { build } from "vite";

const WEB = resolve(import.meta.dirname, "..");

/** Where the packages are. Tests use their sources. */
const ALIAS = [
  { find: "@slipway/client/uppy", replacement: resolve(WEB, "client/src/uppy.ts") },
  { find: "@slipway/client", replacement: resolve(WEB, "client/src/index.ts") },
  { find: "@slipway/react", replacement: resolve(WEB, "react/src/index.ts") },
  { find: "@slipway/uploader", replacement: resolve(WEB, "uploader/src/index.ts") },
  // It exists on phones only.
  { find: "expo-file-system", replacement: resolve(WEB, "testing/expo-file-system.js") },
];

/** A module with the text `source`, to begin with. */
const entry = (source: string, id: string) => ({
  name: "entry",
  enforce: "pre" as const,
  resolveId: (wanted: string) => (wanted === "virtual:entry" ? id : undefined),
  load: (wanted: string) => (wanted === id ? source : undefined),
});

/** The compilers of the components that the module imports. */
async function compilers(source: string) {
  if (source.includes(".vue")) return [(await import("@vitejs/plugin-vue")).default()];
  if (source.includes(".svelte")) return [(await import("@sveltejs/vite-plugin-svelte")).svelte({ configFile: false })];
  return [];
}

/** Bundles the module with the text `source`. `types` is its extension: `tsx` if it contains markup. `root` has its packages. */
export async function bundle(source: string, types: "ts" | "tsx" = "ts", root = resolve(WEB, "e2e")): Promise<string> {
  const output = await build({
    configFile: false,
    logLevel: "silent",
    root,
    resolve: { alias: ALIAS },
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [entry(source, `\0entry.${types}`), ...(await compilers(source))],
    build: {
      write: false,
      target: "es2022",
      rolldownOptions: {
        input: "virtual:entry",
        preserveEntrySignatures: "strict",
        output: { format: "es", minify: true, codeSplitting: false },
      },
    },
  });
  const bundles = Array.isArray(output) ? output : [output];
  const chunks = bundles.flatMap((bundle) => ("output" in bundle ? bundle.output : []));
  return chunks.map((chunk) => (chunk.type === "chunk" ? chunk.code : "")).join("");
}

/** The minified chunks of a module, without what Vite adds to them. What is imported dynamically has its own. */
export async function chunks(source: string): Promise<{ code: string; isEntry: boolean }[]> {
  const input = await rolldown({
    input: "virtual:entry",
    resolve: { alias: Object.fromEntries(ALIAS.map(({ find, replacement }) => [find, replacement])) },
    plugins: [entry(source, "\0entry.ts")],
    preserveEntrySignatures: "strict",
    logLevel: "silent",
  });
  const { output } = await input.generate({ format: "es", minify: true });
  await input.close();
  return output.filter((chunk) => chunk.type === "chunk");
}
