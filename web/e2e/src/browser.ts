/** Debian's Chromium, behind a proxy that the tests control. */
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
  // A context can have a proxy only if the browser has one.
  return chromium.launch({ executablePath, args: ["--no-sandbox", ...QUIET], proxy: { server: "per-context" } });
}

/** A user with a browser window and a network. A test fails on page errors that it does not expect. */
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
      // By default, Chromium does not use the proxy for loopback addresses.
      proxy: { server: network.url, bypass: "<-loopback>" },
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    // An upper bound for busy machines.
    context.setDefaultTimeout(100_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
    return new Visitor(stack, name, token, network, context, page, errors);
  }

  /** Opens the page at the address that `cargo dev` prints. */
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
