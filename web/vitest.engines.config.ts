/** The page in the other engines. They need packages that the default tests do not. */
import { mergeConfig } from "vitest/config";
import base from "./vitest.config.ts";

const config = mergeConfig(base, {});
config.test.include = ["e2e/engines/**/*.test.ts"];
export default config;
