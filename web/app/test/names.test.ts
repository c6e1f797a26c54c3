/** Names that try to look like others, and their order. */
import { expect, test } from "vitest";
import { compareNames, folderOf, lastOf, plain, quoted } from "../src/names.ts";

test("characters that reorder or hide others are shown as what they are", () => {
  expect(plain("evil\u202egpj.exe")).toBe("evil[U+202E]gpj.exe");
  expect(plain("a\u200bb\u0007c\u2066d")).toBe("a[U+200B]b[U+0007]c[U+2066]d");
  expect(plain("\u2068x\u2069\ufeff")).toBe("[U+2068]x[U+2069][U+FEFF]");
});

test("names in all scripts and emoji are not changed", () => {
  for (const name of ["مرحبا.txt", "写真 👩‍👩‍👧.png", "می‌خواهم.txt", "Übergröße (1)+%20'.txt"])
    expect(plain(name)).toBe(name);
});

test("a name in a sentence is isolated from it", () => {
  expect(quoted("مرحبا")).toBe("“\u2068مرحبا\u2069”");
});

test("names have the order of the API: by code points, not by UTF-16", () => {
  const names = ["b", "a/", "a", "Z", "\u{1F980}", "\uFF5E", "é"];
  const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...names].sort(compareNames)).toEqual(byBytes);
});

test("folders and last parts", () => {
  expect(folderOf("a/b/c.txt")).toBe("a/b/");
  expect(folderOf("c.txt")).toBe("");
  expect(lastOf("a/b/c.txt")).toBe("c.txt");
  expect(lastOf("a/b/")).toBe("b");
});
