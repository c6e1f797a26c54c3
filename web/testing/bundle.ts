/** Bundles sources into one script for a page. */
import { resolve } from "node:path";
import { build } from "vite";

const WEB = resolve(import.meta.dirname, "..");

/** Bundles the module with the text `source` into one script. `types` is its extension: `tsx` if it contains markup. */
export async function bundle(source: string, types: "ts" | "tsx" = "ts"): Promise<string> {
  return (await chunks(source, types, false)).map(({ code }) => code).join("");
}

/** Bundles it as an application would be: what is imported dynamically has chunks of its own, after the first. */
export async function chunks(
  source: string,
  types: "ts" | "tsx" = "ts",
  codeSplitting = true,
): Promise<{ code: string; isEntry: boolean }[]> {
  const id = `\0entry.${types}`;
  const output = await build({
    configFile: false,
    logLevel: "silent",
    root: resolve(WEB, "e2e"),
    resolve: {
      alias: [
        { find: "@slipway/client/uppy", replacement: resolve(WEB, "client/src/uppy.ts") },
        { find: "@slipway/client", replacement: resolve(WEB, "client/src/index.ts") },
      ],
    },
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [
      {
        name: "entry",
        enforce: "pre",
        resolveId: (wanted) => (wanted === "virtual:entry" ? id : undefined),
        load: (wanted) => (wanted === id ? source : undefined),
      },
    ],
    build: {
      write: false,
      // Otherwise Vite adds a loader of style sheets to dynamic imports.
      lib: { entry: "virtual:entry", formats: ["es"] },
      target: "es2022",
      rolldownOptions: {
        input: "virtual:entry",
        preserveEntrySignatures: "strict",
        output: { format: "es", minify: true, codeSplitting },
      },
    },
  });
  const bundles = Array.isArray(output) ? output : [output];
  const found = bundles.flatMap((bundle) => ("output" in bundle ? bundle.output : []));
  return found.filter((chunk) => chunk.type === "chunk");
}
