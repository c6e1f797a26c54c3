/** Starts one stack for all tests of a run. `STACK='{"api": …}'` uses a running one instead. */
import type { TestProject } from "vitest/node";
import { type Stack, startStack } from "./stack.ts";

declare module "vitest" {
  interface ProvidedContext {
    stack: Stack;
  }
}

/** Small enough that tests can exceed them, large enough for everything else. */
export const LIMITS = {
  MAX_MULTIPART_BYTES: String(400 * 1024 * 1024),
  USER_QUOTA_BYTES: String(350 * 1024 * 1024),
  ALLOWED_CONTENT_TYPES: "image/*,video/*,audio/*,text/*,application/pdf,application/octet-stream",
};

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.STACK) {
    project.provide("stack", JSON.parse(process.env.STACK));
    return undefined;
  }
  const { stack, stop } = await startStack(LIMITS);
  project.provide("stack", stack);
  return stop;
}
