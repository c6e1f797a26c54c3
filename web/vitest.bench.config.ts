/** Measurements, which take minutes and have no part in the tests. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/bench/**/*.bench.ts"],
    globalSetup: "./testing/setup.ts",
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
  },
});
