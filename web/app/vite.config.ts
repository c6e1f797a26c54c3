/** Builds the page, with the client from its sources. */
import { resolve } from "node:path";
import { defineConfig } from "vite";

export default defineConfig({
  // Wherever it is put, beside its `config.json`.
  base: "./",
  resolve: { alias: { "@slipway/client": resolve(import.meta.dirname, "../client/src/index.ts") } },
  build: { target: "es2022", chunkSizeWarningLimit: 400 },
});
