/** A module on an empty page, for tests of the packages. */
import type { Browser, Page } from "playwright-core";
import { bundle } from "../../testing/bundle.ts";
import { Visitor } from "./browser.ts";

/** Runs the module on an empty page of the stack, with `API` and `token` as globals, then `act`. No error may be left. */
export async function inPage(
  browser: Browser,
  source: string,
  act: (page: Page, visitor: Visitor) => Promise<void>,
  types: "ts" | "tsx" = "ts",
): Promise<void> {
  const visitor = await Visitor.arrive(browser, { bypassCSP: true });
  const { page, stack, token } = visitor;
  await page.goto(`${stack.page.split("/#")[0]}/config.json`);
  await page.evaluate(
    ([api, token]) => Object.assign(globalThis, { API: api, token: async () => token }),
    [stack.api, token],
  );
  await page.addScriptTag({ content: await bundle(source, types), type: "module" });
  await act(page, visitor);
  await visitor.leave();
}
