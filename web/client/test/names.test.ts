/** Names as paths: order, prefixes, folders and search. */
import { expect, test } from "vitest";
import type { Folder } from "../src/index.ts";
import { all, someone } from "./world.ts";

const names = (files: { fileName: string }[]) => files.map(({ fileName }) => fileName);

test("a list by name, of a prefix, and of a search", async () => {
  const { client, net } = await someone();
  for (const fileName of ["photos/2.jpg", "readme", "photos/É.jpg", "photos/1.jpg"]) {
    await client.upload(new Blob(["x"], { type: "text/plain" }), { fileName });
  }
  const byName = ["photos/1.jpg", "photos/2.jpg", "photos/É.jpg", "readme"];
  expect(names(await all(client.list({ sort: "name", pageSize: 1 })))).toEqual(byName);
  expect(net.calls("GET", /^\/files$/).length).toBeGreaterThanOrEqual(4);
  expect(names(await all(client.list({ prefix: "photos/", pageSize: 2 })))).toEqual(byName.slice(0, 3));
  expect(names(await all(client.list({ prefix: "photos/", contentType: "image/" })))).toEqual([]);
  expect(names(await all(client.list({ q: "PHOTOS/e\u0301" })))).toEqual(["photos/É.jpg"]);
  expect(names(await all(client.list({ q: "jpg", contentType: "text/" })))).toEqual([
    "photos/1.jpg",
    "photos/É.jpg",
    "photos/2.jpg",
  ]);
  expect(await all(client.list({ rule: "avatar" }))).toEqual([]);
  await expect(all(client.list({ q: "a", prefix: "b" }))).rejects.toMatchObject({ code: "invalid_request" });
});

test("a folder has folders and files", async () => {
  const { client } = await someone();
  for (const fileName of ["a/b/1", "a/b/2", "a/c", "a/d/e", "f"]) {
    await client.upload(new Blob(["x"]), { fileName });
  }
  const shown = (pages: Folder[]) => ({
    folders: pages.flatMap(({ folders }) => folders),
    files: names(pages.flatMap(({ files }) => files)),
  });
  expect(shown(await all(client.listFolder()))).toEqual({ folders: ["a/"], files: ["f"] });
  const pages = await all(client.listFolder("a/", { pageSize: 1 }));
  expect(pages).toHaveLength(3);
  expect(shown(pages)).toEqual({ folders: ["a/b/", "a/d/"], files: ["a/c"] });
  expect(shown(await all(client.listFolder("none/")))).toEqual({ folders: [], files: [] });
  const page = await client.listPage({ prefix: "a/" });
  expect(page.folders).toBeUndefined();
});
