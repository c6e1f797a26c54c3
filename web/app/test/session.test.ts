/** A token in the page's address: taken on the local stack alone, and never in place of another. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Config } from "../src/config.ts";
import { findSession, isSession, takeToken } from "../src/session.ts";

const LOCAL: Config = { api: "http://localhost:3000", local: true };

let kept: Map<string, string>;
let shown: string[];

beforeEach(() => {
  kept = new Map();
  shown = [];
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
  vi.stubGlobal("history", { replaceState: (_: unknown, __: string, url: string) => shown.push(url) });
});

afterEach(() => vi.unstubAllGlobals());

/** The token that a page at `address` ends up with. */
async function at(address: string, config: Config): Promise<string | undefined> {
  const { hash, hostname, pathname, search } = new URL(address);
  vi.stubGlobal("location", { hash, hostname, pathname, search });
  const found = await findSession(config, async () => undefined, takeToken());
  return found && isSession(found) ? found.token() : undefined;
}

test("the link of the local stack signs in, and its token is removed from the address", async () => {
  for (const host of ["localhost:5173", "127.0.0.1:5173", "[::1]:5173"]) {
    kept.clear();
    expect(await at(`http://${host}/?a=b#token=mine`, LOCAL)).toBe("mine");
    expect(shown.pop()).toBe("/?a=b");
  }
});

test("a deployed page takes no token from a link", async () => {
  const deployed: Config = { api: "https://api.example.com" };
  expect(await at("https://files.example.com/#token=theirs", deployed)).toBeUndefined();
  expect(shown).toEqual(["/"]);
  // Nor where the local stack's config.json was copied there, or another page runs on localhost.
  expect(await at("https://files.example.com/#token=theirs", LOCAL)).toBeUndefined();
  expect(await at("http://localhost.example.com/#token=theirs", LOCAL)).toBeUndefined();
  expect(await at("http://localhost:5173/#token=theirs", deployed)).toBeUndefined();
  expect(kept.size).toBe(0);
});

test("the token of a link does not replace an existing session", async () => {
  kept.set("slipway-token", "mine");
  expect(await at("http://localhost:5173/#token=theirs", LOCAL)).toBe("mine");
  expect(await at("https://files.example.com/#token=theirs", { api: "https://api.example.com" })).toBe("mine");
  expect(kept.get("slipway-token")).toBe("mine");
  expect(shown).toEqual(["/", "/"]);
});

test("an address without a token is left as it is", async () => {
  expect(await at("http://localhost:5173/?code=1#part", LOCAL)).toBeUndefined();
  expect(await at("http://localhost:5173/#token=", LOCAL)).toBeUndefined();
  expect(shown).toEqual(["/"]);
});
