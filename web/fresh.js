/**
 * `npm run fresh`: the packed archives in a new Next.js project with the recipe of docs/recipes.md, built and served.
 * Next.js takes a minute to install, so this is not part of `npm test`, which does the same for Node.js and Vite.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const WEB = resolve(import.meta.dirname);
const folder = mkdtempSync(join(tmpdir(), "slipway-fresh-"));
const run = (cwd, program, ...args) => execFileSync(program, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });

/** The sample in a language under a heading of the recipes. */
function sample(heading, language) {
  const [, section = ""] = readFileSync(join(WEB, "../docs/recipes.md"), "utf8").split(`\n## ${heading}\n`);
  const [, code] = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``).exec(section) ?? [];
  if (!code) throw new Error(`docs/recipes.md has no ${language} under ${heading}`);
  return code;
}

function write(files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Waits until the server answers, and returns the text. */
async function get(url) {
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(url).catch((error) => {
      if (attempt === 600) throw error;
    });
    if (response?.ok) return response.text();
    if (response) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

let served;
try {
  const archives = ["client", "react"].map((name) => {
    const out = String(run(join(WEB, name), "npm", "pack", "--silent", "--pack-destination", folder));
    return join(folder, out.trim().split("\n").at(-1));
  });
  write({
    "package.json": JSON.stringify({ name: "fresh", private: true }),
    "app/layout.tsx":
      "export default function Layout({ children }: { children: React.ReactNode }) {\n  return <html lang='en'><body>{children}</body></html>;\n}\n",
    "app/upload/page.tsx": sample("Next.js", "tsx"),
    "app/api/token/route.ts": sample("Next.js", "ts"),
    "app/api/token/auth.ts": 'export const auth = async () => ({ accessToken: "a token" });\n',
  });
  const types = ["typescript@5.9", "@types/react@19", "@types/node@20"];
  run(
    folder,
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    "next@16",
    "react@19",
    "react-dom@19",
    ...types,
    ...archives,
  );
  process.env.NEXT_TELEMETRY_DISABLED = "1";
  process.env.NEXT_PUBLIC_SLIPWAY_URL = "https://api.example.com";
  const next = join(folder, "node_modules/next/dist/bin/next");
  run(folder, process.execPath, next, "build");
  const port = await freePort();
  served = spawn(process.execPath, [next, "start", "--port", port], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const page = await get(`http://localhost:${port}/upload`);
  if (!/<input[^>]*type="file"/.test(page)) throw new Error(`the page has no input:\n${page}`);
  const { token } = JSON.parse(await get(`http://localhost:${port}/api/token`));
  if (token !== "a token") throw new Error("the route answers no token");
  console.log("Next.js builds and serves the recipe with the packed archives.");
} finally {
  served?.kill();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
