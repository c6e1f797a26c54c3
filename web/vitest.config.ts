/** All tests of the folder. They share one local stack, and two cores. */
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Samples that Node.js runs use the sources.
  resolve: {
    alias: [{ find: /^@slipway\/client$/, replacement: resolve(import.meta.dirname, "client/src/index.ts") }],
  },
  test: {
    include: ["{client,app,e2e}/test/**/*.test.ts"],
    globalSetup: "./testing/setup.ts",
    // Only a bound: nothing here passes or fails by how long it takes.
    testTimeout: 400_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
  },
});
