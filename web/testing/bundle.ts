/** Bundles sources into one script for a page. */
import { resolve } from "node:path";
import { build } from "vite";

const WEB = resolve(import.meta.dirname, "..");

/** Bundles the module with the text `source`. `types` is its extension: `tsx` if it contains markup. */
export async function bundle(source: string, types: "ts" | "tsx" = "ts"): Promise<string> {
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
