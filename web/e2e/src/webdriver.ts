/**
 * Firefox and WebKit, driven by what Debian has: Marionette, which is built into Firefox, and WebKitWebDriver. Both
 * know the commands of WebDriver; only their transport differs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the tests need of a browser. */
export interface Driver {
  go(url: string): Promise<void>;
  /** Runs the body of a function, and returns what it returns. */
  run<T>(script: string): Promise<T>;
  /** A click as a user makes it: scripts cannot write to the clipboard without one. */
  click(css: string): Promise<void>;
  /** Types into an element; into a file input, the path of a file. */
  type(css: string, text: string): Promise<void>;
  quit(): Promise<void>;
}

/** How long a browser may take to start on a busy machine. */
const PATIENCE_MS = 60_000;
/** How WebDriver names an element in its answers. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export const FIREFOX = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find(existsSync);
const MINI_BROWSER = ["4.1", "4.0", "6.0"]
  .map((version) => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${version}/MiniBrowser`)
  .find(existsSync);
export const WEBKIT = existsSync("/usr/bin/WebKitWebDriver") && existsSync("/usr/bin/Xvfb") ? MINI_BROWSER : undefined;

export async function firefox(): Promise<Driver> {
  const port = await freePort();
  const profile = await mkdtemp(join(tmpdir(), "slipway-firefox-"));
  const quiet = ["app.update.enabled", "datareporting.policy.dataSubmissionEnabled", "browser.aboutwelcome.enabled"];
  const prefs = [`user_pref("marionette.port", ${port});`, ...quiet.map((name) => `user_pref("${name}", false);`)];
  await writeFile(join(profile, "user.js"), prefs.join("\n"));
  const args = ["--marionette", "--headless", "--no-remote", "--profile", profile];
  const child = spawn(FIREFOX as string, args, { stdio: "ignore", env: { ...process.env, HOME: profile } });
  const socket = await until(() => dial(port), child);
  const send = marionette(socket);
  const find = async (css: string) => {
    const { value } = await send("WebDriver:FindElement", { using: "css selector", value: css });
    return (value as Record<string, string>)[ELEMENT];
  };
  await send("WebDriver:NewSession", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  return {
    go: async (url) => void (await send("WebDriver:Navigate", { url })),
    run: async (script) => (await send("WebDriver:ExecuteScript", { script, args: [] })).value as never,
    click: async (css) => void (await send("WebDriver:ElementClick", { id: await find(css) })),
    type: async (css, text) => void (await send("WebDriver:ElementSendKeys", { id: await find(css), text })),
    quit: async () => {
      socket.destroy();
      await end(child);
      await rm(profile, { recursive: true, force: true });
    },
  };
}

export async function webkit(): Promise<Driver> {
  const display = `:${90 + (process.pid % 100)}`;
  const screen = spawn("Xvfb", [display, "-screen", "0", "1280x1000x24", "-nolisten", "tcp"], { stdio: "ignore" });
  const port = await freePort();
  const env = { ...process.env, DISPLAY: display, WEBKIT_DISABLE_COMPOSITING_MODE: "1", LIBGL_ALWAYS_SOFTWARE: "1" };
  const child = spawn("WebKitWebDriver", [`--port=${port}`], { stdio: "ignore", env });
  const base = `http://127.0.0.1:${port}`;
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(base + path, { method, body: body && JSON.stringify(body) });
    const { value } = (await response.json()) as { value: Record<string, unknown> };
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(value)}`);
    return value;
  };
  await until(() => fetch(`${base}/status`), child);
  const options = { binary: MINI_BROWSER, args: ["--automation"] };
  const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": options } };
  const { sessionId } = await until(() => send("POST", "/session", { capabilities }), child);
  const at = `/session/${sessionId}`;
  const find = async (css: string) => {
    const found = await send("POST", `${at}/element`, { using: "css selector", value: css });
    return `${at}/element/${found[ELEMENT]}`;
  };
  return {
    go: async (url) => void (await send("POST", `${at}/url`, { url })),
    run: async (script) => (await send("POST", `${at}/execute/sync`, { script, args: [] })) as never,
    click: async (css) => void (await send("POST", `${await find(css)}/click`, {})),
    type: async (css, text) => void (await send("POST", `${await find(css)}/value`, { text })),
    quit: async () => {
      await send("DELETE", at).catch(() => undefined);
      await end(child);
      await end(screen);
    },
  };
}

/** Marionette's messages: their length, a colon, and `[type, id, error or name, result or parameters]`. */
function marionette(socket: Socket): (name: string, parameters: object) => Promise<Record<string, unknown>> {
  let id = 0;
  let received = Buffer.alloc(0);
  const waiting = new Map<number, (message: unknown[]) => void>();
  socket.on("data", (data) => {
    received = Buffer.concat([received, data]);
    for (;;) {
      const colon = received.indexOf(":");
      const length = Number(received.subarray(0, colon).toString());
      if (colon < 0 || received.length < colon + 1 + length) return;
      const message = JSON.parse(received.subarray(colon + 1, colon + 1 + length).toString());
      received = received.subarray(colon + 1 + length);
      if (Array.isArray(message)) waiting.get(message[1])?.(message);
    }
  });
  return (name, parameters) =>
    new Promise((resolve, reject) => {
      const number = ++id;
      waiting.set(number, ([, , error, result]) => {
        waiting.delete(number);
        if (error) reject(new Error(`${name}: ${JSON.stringify(error)}`));
        else resolve((result ?? {}) as Record<string, unknown>);
      });
      const text = JSON.stringify([0, number, name, parameters]);
      socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
}

/** Repeats `attempt` until it succeeds or the program ends. */
async function until<T>(attempt: () => Promise<T>, child: ChildProcess): Promise<T> {
  const last = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (child.exitCode !== null || Date.now() > last) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket)).on("error", reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await ended;
}
