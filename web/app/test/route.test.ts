/** The view in the address. */
import { expect, test } from "vitest";
import { read, write } from "../src/route.ts";

test("an address restores the whole view, with any characters in its names", () => {
  const route = {
    folder: "Fotos & Co/Tag #1/",
    q: "",
    type: "image/",
    sort: "name",
    view: "list",
    file: "01a2",
  } as const;
  expect(read(write(route), null)).toEqual(route);
  const search = { ...route, q: "50% +é", sort: "newest", view: "grid", file: undefined } as const;
  expect(read(write(search), null)).toEqual(search);
});

test("the default view has no parameters, and foreign parameters are kept", () => {
  const usual = read("", null);
  expect(usual).toEqual({ folder: "", q: "", type: "", sort: "name", view: "grid", file: undefined });
  expect(write(usual)).toBe("");
  expect(write(usual, "?lang=x&q=old")).toBe("?lang=x");
});

test("a folder always ends with a slash, and unknown values are ignored", () => {
  expect(read("?folder=a%2Fb&sort=size&view=table", null)).toMatchObject({
    folder: "a/b/",
    sort: "name",
    view: "grid",
  });
});

test("the look of the last visit counts where the address has none", () => {
  expect(read("", "list").view).toBe("list");
});
