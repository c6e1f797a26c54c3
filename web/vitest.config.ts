/** All tests of the folder. They share one local stack, and two cores. */
import { defineConfig } from "vitest/config";

export default defineConfig({
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
