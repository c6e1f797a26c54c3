/** Where a case is measured: a stack, the servers of the other clients, files on the disk, and pages. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { link as hardLink, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { openBrowser } from "../e2e/src/browser.ts";
import { Network } from "../e2e/src/network.ts";
import { bundle } from "../testing/bundle.ts";
import { type Stack, startStack, tokenFor } from "../testing/stack.ts";
import { MB } from "./cases.ts";
import { link } from "./link.ts";

const HERE = import.meta.dirname;
/** 40 ms there and back, and 20 Mbit/s up. */
const [DELAY_MS, UPLOAD] = [20, 2.5 * MB];

/** What an open page is for. */
export interface Opened {
  page: Page;
  /** The requests so far, if the page has a network that counts them. */
  network?: Network;
  close(): Promise<void>;
}

export class Stage {
  private constructor(
    private readonly stack: Stack,
    private readonly servers: ChildProcess,
    private readonly peers: Record<string, string>,
    private readonly code: string,
    private readonly folder: string,
    private readonly stopStack: () => Promise<void>,
  ) {}

  static async start(): Promise<Stage> {
    // Every bundle has the same sources, so that one is enough.
    const code = await bundle(await readFile(join(HERE, "ways.js"), "utf8"), "ts", HERE);
    const { stack, stop } = await startStack();
    const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
    const state = stack.tokens[stack.tokens.indexOf("--state") + 1] ?? "";
    const { access_key: KEY, secret_key: SECRET } = JSON.parse(await readFile(join(state, "chosen.json"), "utf8"));
    const env = { ...process.env, S3: stack.s3, BUCKET: "slipway-local", KEY, SECRET, FOLDER: join(folder, "tus") };
    const servers = spawn(process.execPath, [join(HERE, "servers.js")], { env, stdio: ["pipe", "pipe", "inherit"] });
    const [addresses] = await new Promise<string[]>((resolve, reject) => {
      servers.on("exit", () => reject(new Error("the servers of the other clients have ended")));
      createInterface(servers.stdout).once("line", (line) => resolve([line]));
    });
    return new Stage(stack, servers, JSON.parse(addresses ?? ""), code, folder, stop);
  }

  async stop(): Promise<void> {
    this.servers.removeAllListeners("exit");
    this.servers.stdin?.end();
    await this.stopStack();
    await rm(this.folder, { recursive: true });
  }

  /** Files of random bytes. Large ones share theirs. */
  async files(count: number, size: number): Promise<string[]> {
    const own = await mkdtemp(join(this.folder, "files-"));
    const bytes = randomFillSync(Buffer.alloc(size));
    const paths = Array.from({ length: count }, (_, n) => join(own, `file-${n}.bin`));
    for (const [n, path] of paths.entries()) {
      if (n > 0 && size > MB) {
        await hardLink(paths[0] ?? "", path);
        continue;
      }
      const file = await open(path, "w");
      bytes.writeUInt32LE(n);
      await file.write(bytes);
      await file.close();
    }
    return paths;
  }

  /** A page with the ways and the files. `slow` and `counted` ones send everything through a proxy. */
  async open(browser: Browser, paths: string[], slow: boolean, counted: boolean): Promise<Opened> {
    const network = slow || counted ? await Network.start() : undefined;
    const far = slow && network ? await link(network.url, DELAY_MS, UPLOAD) : undefined;
    const server = far?.url ?? network?.url;
    const context: BrowserContext = await browser.newContext({
      bypassCSP: true,
      ...(server && { proxy: { server, bypass: "<-loopback>" } }),
    });
    context.setDefaultTimeout(600_000);
    const page = await context.newPage();
    // Any page of an origin that may call the API.
    await page.goto(`${this.stack.page.split("/#")[0]}/config.json`);
    const token = await tokenFor(this.stack, "bench");
    await page.evaluate(
      ([api, peers, token]) => Object.assign(globalThis, { API: api, PEERS: peers, token: async () => token }),
      [this.stack.api, this.peers, token] as const,
    );
    await page.addScriptTag({ content: this.code, type: "module" });
    await page.waitForFunction("globalThis.clean");
    await page.locator("#chosen").setInputFiles(paths);
    return {
      page,
      network,
      close: async () => {
        await context.close();
        await far?.stop();
        await network?.stop();
      },
    };
  }
}

/** Chromium, with the process that all others descend from. */
export async function chromium(): Promise<{ browser: Browser; pid: number }> {
  const browser = await openBrowser();
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return { browser, pid: processInfo.find(({ type }) => type === "browser")?.id ?? 0 };
}
