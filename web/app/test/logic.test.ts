/** The page's calculations. */
import type { UnfinishedUpload } from "@slipway/client";
import { expect, test, vi } from "vitest";
import { named } from "../src/drop.ts";
import * as format from "../src/format.ts";
import { subject } from "../src/session.ts";
import { fits } from "../src/unfinished.ts";

test("figures are short", () => {
  const check = (bytes: number, text: string) => expect(format.bytes(bytes)).toBe(text);
  check(0, "0 bytes");
  check(1, "1 byte");
  check(4, "4 bytes");
  check(940, "940 bytes");
  check(1_000, "1 kB");
  check(999_950, "1 MB");
  check(1_250_000, "1.3 MB");
  check(367_001_600, "367 MB");
  check(5.5e12, "5.5 TB");
  expect(format.duration(5)).toBe("5 sec");
  expect(format.duration(200)).toBe("4 min");
  expect(format.duration(Number.POSITIVE_INFINITY)).toBe("");
});

test("words are English, and so are figures and dates, whatever the language of the system", () => {
  const toLocale = vi.spyOn(Number.prototype, "toLocaleString");
  expect(format.count(2_001, "file")).toBe("2,001 files");
  expect(format.day("2026-11-27T09:05:00Z")).toMatch(/^Nov 27, 2026, \d+:05/);
  // Without a locale, each would follow the system.
  expect(toLocale.mock.calls.every(([locale]) => locale === "en")).toBe(true);
});

test("types that a browser does not render have no preview", () => {
  expect(format.kind("image/jpeg")).toBe("image");
  expect(format.kind("image/svg+xml")).toBe("other");
  expect(format.kind("text/plain; charset=utf-8")).toBe("text");
  expect(format.kind("application/zip")).toBe("other");
});

test("pasted screenshots do not all have one name", () => {
  const file = new File([], "image.png");
  const [one] = named([{ file, name: file.name }], new Date("2026-11-21T06:00:00Z"));
  expect(one?.name).toBe("Screenshot 2026-11-21 06.00.00.png");
});

test("a token's subject is shown in any script, and a missing token is not an error", () => {
  const claims = Buffer.from(JSON.stringify({ sub: "Zoë 写真" })).toString("base64url");
  expect(subject(`h.${claims}.s`)).toBe("Zoë 写真");
  expect(subject("nonsense")).toBeUndefined();
});

test("an unfinished upload goes on with a file of its name and size, whatever folder it came in", () => {
  const upload = { fileName: "Holiday/Day 1/film.mp4", size: 3 } as UnfinishedUpload;
  const check = (name: string, text: string) => fits(new File([text], name), upload);
  expect(check("film.mp4", "abc")).toBe(true);
  expect(check("film.mp4", "abcd")).toBe(false);
  expect(check("Day 1", "abc")).toBe(false);
});
