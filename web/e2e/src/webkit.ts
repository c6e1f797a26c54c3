/** WebKitGTK's MiniBrowser by WebKitWebDriver, on a display of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../../testing/stack.ts";
import { Engine, patiently } from "./engine.ts";

export class WebKit extends Engine {
  private constructor(
    private readonly display: ChildProcess,
    private readonly driver: ChildProcess,
    private readonly home: string,
    private readonly session: string,
  ) {
    super();
  }

  static async start(program: string, proxy: string): Promise<WebKit> {
    const home = await mkdtemp(join(tmpdir(), "slipway-webkit-"));
    const display = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const lines = createInterface(display.stdio[3] as NodeJS.ReadableStream);
    const [number, port] = [await new Promise((resolve) => lines.once("line", resolve)), await freePort()];
    const env = { ...process.env, HOME: home, DISPLAY: `:${number}`, WEBKIT_DISABLE_COMPOSITING_MODE: "1" };
    const driver = spawn(program, [`--port=${port}`], { stdio: "ignore", env });
    const { host } = new URL(proxy);
    const capabilities = {
      alwaysMatch: {
        "webkitgtk:browserOptions": { binary: miniBrowser(), args: ["--automation"] },
        proxy: { proxyType: "manual", httpProxy: host, noProxy: [] },
        timeouts: { script: 300_000, pageLoad: 100_000 },
      },
    };
    const created = await patiently(() => post(`http://127.0.0.1:${port}/session`, { capabilities }));
    const { sessionId } = created as { sessionId: string };
    return new WebKit(display, driver, home, `http://127.0.0.1:${port}/session/${sessionId}`);
  }

  open(url: string): Promise<unknown> {
    return post(`${this.session}/url`, { url });
  }

  protected execute(script: string): Promise<unknown> {
    return post(`${this.session}/execute/async`, { script, args: [] });
  }

  protected type(element: string, text: string): Promise<unknown> {
    return post(`${this.session}/element/${element}/value`, { text });
  }

  protected press(element: string): Promise<unknown> {
    return post(`${this.session}/element/${element}/click`, {});
  }

  async stop(): Promise<void> {
    await fetch(this.session, { method: "DELETE" }).catch(() => undefined);
    for (const child of [this.driver, this.display]) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    }
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const { value } = (await response.json()) as { value: { error?: string; message?: string } };
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** Part of the library's package, and not on the path. */
function miniBrowser(): string | undefined {
  const libraries = readdirSync("/usr/lib").flatMap((triplet) =>
    ["6.0", "4.1", "4.0"].map((version) => `/usr/lib/${triplet}/webkit2gtk-${version}/MiniBrowser`),
  );
  return libraries.find((path) => existsSync(path));
}
