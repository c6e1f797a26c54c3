/** The page as CloudFront serves it: the output of `cargo dev page`, with the headers of `template.yaml`. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";

const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

interface Item {
  key: string;
  contentType: string;
  cacheControl: string;
}

export class Hosted {
  readonly url: string;
  #files = new Map<string, Item & { body: Buffer }>();
  #headers: Record<string, string> = {};

  private constructor(private readonly server: Server) {
    // A host name, so that it is a different site than the provider's.
    this.url = `http://localhost:${(server.address() as AddressInfo).port}/`;
    server.on("request", ({ url = "/" }, response) => {
      const path = new URL(url, this.url).pathname;
      const file = this.#files.get(path === "/" ? "index.html" : path.slice(1));
      const own = file && { "Content-Type": file.contentType, "Cache-Control": file.cacheControl };
      response.writeHead(file ? 200 : 404, { ...this.#headers, ...own }).end(file?.body);
    });
  }

  /** Listens with nothing to serve yet, because others need the address first. */
  static async start(): Promise<Hosted> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Hosted(server);
  }

  /** Runs `program` to build the page for a deployment with these outputs, and serves it from now on. */
  async publish(program: string, outputs: Record<string, string>, ...options: string[]): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "slipway-page-"));
    const file = join(folder, "outputs.json");
    await writeFile(file, JSON.stringify(outputs));
    const args = ["page", "--outputs", file, "--into", join(folder, "page"), ...options];
    const { stdout } = await run(program, args, { cwd: ROOT });
    // It may have printed that it has built the page.
    const plan = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as Item[];
    for (const item of plan) {
      this.#files.set(item.key, { ...item, body: await readFile(join(folder, "page", item.key)) });
    }
    this.#headers = await headersOfTheTemplate();
    await rm(folder, { recursive: true });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Every header of the resource `PageHeaders`. An unknown property fails, so that none is left out. */
async function headersOfTheTemplate(): Promise<Record<string, string>> {
  const template = parse(await readFile(join(ROOT, "template.yaml"), "utf8"), { logLevel: "silent" });
  const { SecurityHeadersConfig, CustomHeadersConfig } =
    template.Resources.PageHeaders.Properties.ResponseHeadersPolicyConfig;
  const headers: Record<string, string> = {};
  for (const [name, config] of Object.entries<Record<string, unknown>>(SecurityHeadersConfig)) {
    const [header, value] = header_of(name, config);
    headers[header] = value;
  }
  for (const { Header, Value } of CustomHeadersConfig.Items) headers[Header] = Value;
  return headers;
}

function header_of(name: string, config: Record<string, unknown>): [string, string] {
  switch (name) {
    case "ContentSecurityPolicy":
      return ["Content-Security-Policy", String(config.ContentSecurityPolicy)];
    case "ContentTypeOptions":
      return ["X-Content-Type-Options", "nosniff"];
    case "FrameOptions":
      return ["X-Frame-Options", String(config.FrameOption)];
    case "ReferrerPolicy":
      return ["Referrer-Policy", String(config.ReferrerPolicy)];
    case "StrictTransportSecurity":
      return ["Strict-Transport-Security", `max-age=${config.AccessControlMaxAgeSec}`];
    default:
      throw new Error(`the template sets ${name}, which is not known here`);
  }
}
