/** Measures scrolling through ten thousand files in the page: `npm run bench -- scroll` in web/. */
import { test } from "vitest";
import { openBrowser } from "../e2e/src/browser.ts";
import { FakeApi, many } from "../e2e/src/fake.ts";
import { startStack, tokenFor } from "../testing/stack.ts";

const STEPS = 200;
const STEP_PX = 600;

test("scrolling", async () => {
  const { stack, stop } = await startStack();
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const api = new FakeApi(stack);
    api.files = many(10_000);
    await api.on(page);
    await page.goto(`${stack.page.split("#")[0]}#token=${await tokenFor(stack, "scroll")}`);
    await page.locator(".library .file").first().waitFor();
    const devtools = await page.context().newCDPSession(page);
    // CPU time of the main thread, whatever else the machine does.
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const cpu = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics");
      return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0);
    };
    const steps: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      const before = await cpu();
      await page.evaluate(async (by) => {
        window.scrollBy(0, by);
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      }, STEP_PX);
      steps.push((await cpu()) - before);
    }
    steps.sort((a, b) => a - b);
    const at = (share: number) => (steps[Math.floor(share * (STEPS - 1))] ?? Number.NaN).toFixed(1);
    console.log(`a step of ${STEP_PX} px: median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(1)} ms of CPU`);
  } finally {
    await browser.close();
    await stop();
  }
});
