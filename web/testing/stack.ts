/** The local stack for tests: `cargo dev` with its own state and ports. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

/** An upper bound: the first start builds the functions. */
const PATIENCE_MS = 20 * 60_000;

/** The addresses of a running stack. */
export interface Stack {
  api: string;
  s3: string;
  /** The web page; empty if it was not built. */
  page: string;
  /** An origin that may call the API and S3, on which nothing listens. */
  origin: string;
  /** The program that creates tokens, with its arguments except the user. */
  tokens: string[];
}

/** Creates a token for a user, who needs no account. */
export async function tokenFor(stack: Stack, user: string, seconds = 3600): Promise<string> {
  const [program = "", ...args] = stack.tokens;
  const { stdout } = await run(program, [...args, "token", user, "--seconds", String(seconds)], { cwd: ROOT });
  return stdout.trim();
}

/** Starts a stack, and resolves once it is ready. */
export async function startStack(
  env: Record<string, string> = {},
  ...options: string[]
): Promise<{ stack: Stack; stop: () => Promise<void> }> {
  const program = process.env.SLIPWAY_DEV ?? (await build());
  const state = await mkdtemp(join(tmpdir(), "slipway-web-"));
  // Postgres runs as another user.
  await chmod(state, 0o755);
  const tools = join(ROOT, ".slipway/tools");
  await mkdir(tools, { recursive: true });
  await symlink(tools, join(state, "tools"));
  const [port, pagePort, otherPort] = [await freePort(), await freePort(), await freePort()];
  const origin = `http://localhost:${otherPort}`;
  const ports = ["--port", String(port), "--page-port", String(pagePort), "--origin", origin];
  const args = [...ports, "--state", state, ...options];
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = async () => {
    await end(child);
    await rm(state, { recursive: true, force: true });
  };
  try {
    const found = await banner(child);
    const api = `http://localhost:${port}`;
    const tokens = [program, "--state", state];
    return { stack: { api, s3: found.S3 ?? "", page: found.Page ?? "", origin, tokens }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(): Promise<string> {
  await run("cargo", ["build", "--quiet", "--package", "slipway-dev"], { cwd: ROOT });
  return join(ROOT, "target/debug/slipway-dev");
}

/** Reads the output of the stack until it is ready: lines such as `  S3         http://…`. */
function banner(child: ChildProcess): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const found: Record<string, string> = {};
    const said: string[] = [];
    const failed = (why: string) => reject(new Error(`the stack ${why}:\n${said.join("\n")}`));
    const timer = setTimeout(() => failed("is not up in time"), PATIENCE_MS);
    child.on("exit", () => failed("ended"));
    if (!child.stdout) return failed("has no output");
    // It continues to read after the banner, because the stack would block on a full pipe.
    createInterface(child.stdout).on("line", (line) => {
      said.push(line);
      if (process.env.STACK_LOG) console.log(line);
      const [, name, value] = /^ {2}(\w+) +(http\S+)/.exec(line) ?? [];
      if (name && value) found[name] = value;
      if (line.startsWith("TOKEN=")) {
        clearTimeout(timer);
        resolve(found);
      }
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** A port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
