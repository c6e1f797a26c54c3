/** docs/recipes.md, "Receiving webhooks": real deliveries of the local stack reach the samples, which verify them. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createClient } from "../../client/src/index.ts";
import { type Sample, samples } from "../../testing/samples.ts";
import { freePort, startStack, tokenFor } from "../../testing/stack.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const CACHE = join(HERE, "../../../.slipway/cache");
const SECRET = `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64")}`;
const UPLOADS = 9;

interface Delivery {
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

let found: Sample[];
/** The deliveries of one upload after the other, and when each upload began. */
const deliveries: Delivery[] = [];
const uploaded: number[] = [];

const sample = (language: string) => {
  const fitting = found.filter((each) => each.heading === "Receiving webhooks" && each.language === language);
  expect(fitting, language).toHaveLength(1);
  return (fitting[0] as Sample).code;
};

beforeAll(async () => {
  found = await samples(new URL("../../../docs/recipes.md", import.meta.url));
});

/** Sends a request as it came from Slipway, with `change` applied to the body. */
async function forward(url: string, { headers, body }: Delivery, change = (text: string) => text): Promise<number> {
  const names = ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"];
  const kept = Object.fromEntries(names.map((name) => [name, String(headers[name])]));
  const answer = await fetch(url, { method: "POST", headers: kept, body: change(body) });
  return answer.status;
}

test("Next.js: an upload on the local stack reaches the route", { timeout: 120_000 }, async () => {
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const module = ts.transpileModule(sample("ts"), { compilerOptions: options }).outputText;
  const folder = await mkdtemp(join(HERE, "route-"));
  vi.stubEnv("WEBHOOK_SECRET", SECRET);
  const said = vi.spyOn(console, "log").mockImplementation(() => {});
  // Next.js calls the route with a Request of the platform.
  await writeFile(join(folder, "route.mjs"), module);
  const { POST } = await import(join(folder, "route.mjs"));
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    deliveries.push({ headers: request.headers, body, at: Date.now() });
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const answer: Response = await POST(new Request("http://localhost/webhook", { method: "POST", headers, body }));
    response.writeHead(answer.status).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`;
  const { stack, stop } = await startStack({ WEBHOOK_URL: url, WEBHOOK_SECRET: SECRET });
  try {
    const token = await tokenFor(stack, "alice");
    const client = createClient({ url: stack.api, token: () => token });
    for (let at = 0; at < UPLOADS; at++) {
      uploaded.push(Date.now());
      const { id } = await client.upload(new File(["Hello"], `${at}.txt`, { type: "text/plain" }));
      await vi.waitFor(() => expect(said).toHaveBeenLastCalledWith("file.recorded", "alice", `${at}.txt`), 60_000);
      expect(JSON.parse(deliveries.at(-1)?.body ?? "").data.file.id).toBe(id);
    }
    await client.remove((await client.listPage()).files[0]?.id ?? "");
    await vi.waitFor(() => expect(said).toHaveBeenLastCalledWith("file.deleted", "alice", "8.txt"), 60_000);
    expect(deliveries).toHaveLength(UPLOADS + 1);
    expect(await forward(url, deliveries[0] as Delivery, (body) => body.replace("alice", "mallory"))).toBe(401);
    const waits = uploaded.map((time, at) => (deliveries[at]?.at ?? Number.NaN) - time).sort((a, b) => a - b);
    const median = waits[Math.floor(waits.length / 2)] as number;
    process.stdout.write(
      `from the beginning of the upload to the delivery: median ${median} ms of ${waits.join(", ")}\n`,
    );
  } finally {
    said.mockRestore();
    server.close();
    await stop();
    await rm(folder, { recursive: true });
  }
});

let running: ChildProcess | undefined;
afterAll(() => running?.kill());

/** Starts a program, sends it real deliveries, and returns what it prints. */
async function receives(program: string, args: string[], cwd: string, port: number): Promise<string> {
  const env = { ...process.env, WEBHOOK_SECRET: SECRET, PORT: String(port) };
  running = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  running.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  const url = `http://127.0.0.1:${port}/webhook`;
  // The last one that Slipway itself has sent.
  const delivery = deliveries[UPLOADS] as Delivery;
  await vi.waitFor(async () => expect(await forward(url, delivery)).toBe(204), { timeout: 30_000, interval: 100 });
  expect(await forward(url, delivery, (body) => body.replace("alice", "mallory"))).toBe(401);
  const unsigned = { ...delivery, headers: { ...delivery.headers, "webhook-signature": "v1,AAAA" } };
  expect(await forward(url, unsigned)).toBe(401);
  await vi.waitFor(() => expect(output).toMatch(/file\.deleted alice 8\.txt/));
  running.kill();
  return output;
}

test("Express", { timeout: 60_000 }, async () => {
  // Next to the packages that the sample imports.
  const folder = await mkdtemp(join(HERE, "express-"));
  try {
    await writeFile(join(folder, "webhook.mjs"), sample("js"));
    await receives(process.execPath, ["webhook.mjs"], folder, await freePort());
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("FastAPI", { timeout: 180_000 }, async () => {
  const venv = join(CACHE, "fastapi");
  const python = join(venv, "bin/python");
  const run = promisify(execFile);
  const isThere = await access(join(venv, "ready")).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await run("python3", ["-m", "venv", "--clear", venv]);
    await run(python, [
      "-m",
      "pip",
      "install",
      "--quiet",
      "fastapi==0.165.0",
      "uvicorn==0.54.0",
      "standardwebhooks==1.1.0",
    ]);
    await writeFile(join(venv, "ready"), "");
  }
  const folder = await mkdtemp(join(tmpdir(), "slipway-fastapi-"));
  try {
    await writeFile(join(folder, "webhook.py"), sample("python"));
    const port = await freePort();
    const args = [
      "-m",
      "uvicorn",
      "webhook:app",
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--log-level",
      "error",
    ];
    await receives(python, args, folder, port);
  } finally {
    await rm(folder, { recursive: true });
  }
});
