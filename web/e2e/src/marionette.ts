/**
 * Firefox by Marionette, the protocol that geckodriver speaks with it. Debian has no geckodriver, and Playwright drives
 * only a Firefox of its own. A message is its length, a colon, and JSON: `[0, id, command, parameters]`, answered by
 * `[1, id, error, result]`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, patiently } from "./engine.ts";

/** Values of about:config: no page of its own, no reports, and a proxy also for loopback addresses. */
const preferences = (proxyPort: string) =>
  Object.entries({
    "marionette.port": 0,
    "browser.shell.checkDefaultBrowser": false,
    "browser.startup.page": 0,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": false,
    "app.normandy.enabled": false,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": Number(proxyPort),
    "network.proxy.allow_hijacking_localhost": true,
  })
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join("");

export class Firefox extends Engine {
  #buffer = Buffer.alloc(0);
  #next = 1;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly socket: Socket,
    private readonly profile: string,
  ) {
    super();
    socket.on("data", (chunk) => this.#received(chunk));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Firefox has ended"));
    });
  }

  static async start(program: string, proxy: string): Promise<Firefox> {
    const profile = await mkdtemp(join(tmpdir(), "slipway-firefox-"));
    await writeFile(join(profile, "user.js"), preferences(new URL(proxy).port));
    const args = ["--headless", "--no-remote", "--marionette", "--profile", profile];
    const child = spawn(program, args, { stdio: "ignore", env: { ...process.env, HOME: profile } });
    // Firefox writes the port that it has chosen into the profile.
    const port = await patiently(async () => Number(await readFile(join(profile, "MarionetteActivePort"), "utf8")));
    const socket = await patiently(
      () =>
        new Promise<Socket>((resolve, reject) => {
          const opened: Socket = connect(port, "127.0.0.1", () => resolve(opened)).on("error", reject);
        }),
    );
    const firefox = new Firefox(child, socket, profile);
    await firefox.#send("WebDriver:NewSession", {});
    await firefox.#send("WebDriver:SetTimeouts", { script: 300_000, pageLoad: 100_000 });
    return firefox;
  }

  open(url: string): Promise<unknown> {
    return this.#send("WebDriver:Navigate", { url });
  }

  protected async execute(script: string): Promise<unknown> {
    return ((await this.#send("WebDriver:ExecuteAsyncScript", { script, args: [] })) as { value: unknown }).value;
  }

  protected type(element: string, text: string): Promise<unknown> {
    return this.#send("WebDriver:ElementSendKeys", { id: element, text });
  }

  protected press(element: string): Promise<unknown> {
    return this.#send("WebDriver:ElementClick", { id: element });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
    this.socket.destroy();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #send(command: string, parameters: object): Promise<unknown> {
    const id = this.#next++;
    const text = JSON.stringify([0, id, command, parameters]);
    this.socket.write(`${Buffer.byteLength(text)}:${text}`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #received(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const colon = this.#buffer.indexOf(":");
      const end = colon + 1 + Number(this.#buffer.subarray(0, colon));
      if (colon < 0 || this.#buffer.length < end) return;
      const message = JSON.parse(this.#buffer.subarray(colon + 1, end).toString());
      this.#buffer = this.#buffer.subarray(end);
      // The first one describes the protocol.
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`${error.error}: ${error.message}`));
      else waiting?.resolve(result);
    }
  }
}
