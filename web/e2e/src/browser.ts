/** Chromium as Debian has it, behind a network of ours. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { inject } from "vitest";
import { type Stack, tokenFor } from "../../testing/stack.ts";
import { Network } from "./network.ts";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (!executablePath) throw new Error("Chromium is not here: `apt-get install chromium`, or set CHROMIUM to its path");
  // Without a proxy of its own, a context could not have one.
  return chromium.launch({ executablePath, args: ["--no-sandbox", ...QUIET], proxy: { server: "per-context" } });
}

/** Somebody with a browser window, a network, and a page that has errors only where a test says so. */
export class Visitor {
  private constructor(
    readonly stack: Stack,
    readonly user: string,
    readonly token: string,
    readonly network: Network,
    readonly context: BrowserContext,
    readonly page: Page,
    readonly errors: string[],
  ) {}

  static async arrive(browser: Browser, options: BrowserContextOptions = {}, user?: string): Promise<Visitor> {
    const stack = inject("stack");
    const name = user ?? `web-${process.pid}-${Date.now()}`;
    const [token, network] = await Promise.all([tokenFor(stack, name), Network.start()]);
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      // Chromium would go around it for this machine's own addresses.
      proxy: { server: network.url, bypass: "<-loopback>" },
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    // Only a bound, for machines that do much else.
    context.setDefaultTimeout(100_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    return new Visitor(stack, name, token, network, context, page, errors);
  }

  /** Opens the page as `cargo dev` prints it. */
  async open(): Promise<Page> {
    await this.page.goto(`${this.stack.page.split("#")[0]}#token=${this.token}`);
    await this.page.getByRole("heading", { name: "Files", exact: true }).waitFor();
    return this.page;
  }

  async leave(): Promise<void> {
    await this.context.close();
    await this.network.stop();
  }
}
