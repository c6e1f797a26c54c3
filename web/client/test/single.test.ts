/** Uploads in one PUT: what is sent, what is repeated, and what fails. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { SlipwayError } from "../src/index.ts";
import { all, cut, someone } from "./world.ts";

const hello = () => new File(["Hello, Slipway"], "hello.txt", { type: "text/plain" });

test("a file is uploaded, listed, read, counted and removed", async () => {
  const { client } = await someone();
  const progress: number[] = [];
  const file = await client.upload(hello(), { onProgress: ({ sent }) => progress.push(sent) });
  expect(file).toMatchObject({ fileName: "hello.txt", contentType: "text/plain", size: 14 });
  expect(file.checksumSha256).toBe(createHash("sha256").update("Hello, Slipway").digest("base64"));
  expect(progress[0]).toBe(0);
  expect(progress.at(-1)).toBe(14);

  expect(await all(client.list())).toMatchObject([{ id: file.id }]);
  expect(await (await client.download(file.id)).text()).toBe("Hello, Slipway");
  expect(await client.usage()).toMatchObject({ files: 1, bytes: 14 });
  const attachment = await client.get(file.id, { download: true });
  expect((await fetch(attachment.url ?? "")).headers.get("Content-Disposition")).toMatch(/^attachment/);

  await client.remove(file.id);
  await client.remove(file.id);
  expect(await all(client.list())).toEqual([]);
  await expect(client.get(file.id)).rejects.toMatchObject({ code: "not_found", status: 404 });
});

test("names in any script, and slashes, are kept", async () => {
  const { client } = await someone();
  for (const name of ["Übergröße 写真 (1)+%20'.txt", "مرحبا.txt", "ordner/unter 🦀.txt"]) {
    const file = await client.upload(new Blob(["x"], { type: "text/plain" }), { fileName: name });
    expect(file.fileName).toBe(name);
  }
});

test("names and types that the API would refuse are corrected", async () => {
  const { client } = await someone();
  const odd = await client.upload(new File(["x"], "two\r\nlines\u0085.txt", { type: "text" }));
  expect(odd).toMatchObject({ fileName: "two__lines_.txt", contentType: "application/octet-stream" });
  const half = await client.upload(new Blob(["x"]), { fileName: "a\ud800.txt" });
  expect(half.fileName).toBe("a_.txt");
  const recorded = await client.upload(new File(["x"], "写".repeat(255), { type: "video/webm;codecs=vp8,opus" }));
  expect(recorded).toMatchObject({ fileName: "写".repeat(255), contentType: "video/webm;codecs=vp8,opus" });
});

test("a file is renamed, and its fields are replaced", async () => {
  const { client, net } = await someone();
  const file = await client.upload(hello(), { metadata: { album: "a" } });
  const renamed = await client.rename(file.id, { fileName: "Ordner/über\n.txt" });
  expect(renamed).toMatchObject({
    id: file.id,
    fileName: "Ordner/über_.txt",
    metadata: { album: "a" },
    etag: file.etag,
  });
  expect(await client.rename(file.id, { metadata: {} })).toMatchObject({ fileName: "Ordner/über_.txt", metadata: {} });
  expect(await all(client.list({ prefix: "Ordner/" }))).toMatchObject([{ id: file.id, metadata: {} }]);
  expect(await (await client.download(file.id)).text()).toBe("Hello, Slipway");

  // The answer is lost, and the repetition finds that nothing is left to do.
  let lost = 0;
  net.fault = (sent, pass) => (sent.method === "PATCH" && lost++ === 0 ? pass().then(cut) : undefined);
  expect(await client.rename(file.id, { fileName: "b", metadata: { k: "v" } })).toMatchObject({ fileName: "b" });
  expect(lost).toBe(2);

  await expect(client.rename(file.id, {})).rejects.toMatchObject({ code: "invalid_request", status: 400 });
  await client.remove(file.id);
  await expect(client.rename(file.id, { fileName: "c" })).rejects.toMatchObject({ code: "not_found" });
});

test("metadata is stored with a file, in one PUT and in parts", async () => {
  const { client } = await someone();
  const metadata = { album: "Ferien “2026”" };
  for (const partsAbove of [0, 100]) {
    const file = await client.upload(hello(), { metadata, partsAbove });
    expect(file).toMatchObject({ metadata, rule: null });
    expect(await client.get(file.id)).toMatchObject({ metadata });
  }
  // This deployment has no rules.
  const refused = client.upload(hello(), { rule: "avatar" });
  await expect(refused).rejects.toMatchObject({ code: "invalid_request", status: 400 });
});

test("an empty file and a file without a type are uploaded", async () => {
  const { client } = await someone();
  const file = await client.upload(new File([], "empty"));
  expect(file).toMatchObject({ size: 0, contentType: "application/octet-stream" });
});

test("the list is read page by page, and filtered", async () => {
  const { client, net } = await someone();
  for (const type of ["text/plain", "image/png", "text/css"]) {
    await client.upload(new File(["x"], type.replace("/", "."), { type }));
  }
  const names = [];
  for await (const { fileName } of client.list({ pageSize: 1 })) names.push(fileName);
  expect(names).toEqual(["text.css", "image.png", "text.plain"]);
  expect(net.calls("GET", /^\/files$/).length).toBeGreaterThanOrEqual(3);
  const texts = await all(client.list({ contentType: "text/" }));
  expect(texts.map(({ fileName }) => fileName)).toEqual(["text.css", "text.plain"]);
});

test("requests to S3 are repeated after a cut connection and a 503", async () => {
  const { client, net } = await someone();
  let put = 0;
  net.fault = ({ method }) => {
    if (method !== "PUT") return undefined;
    put++;
    if (put === 1) return cut();
    if (put === 2) return Promise.resolve(new Response("<Code>SlowDown</Code>", { status: 503 }));
    if (put === 3) return Promise.resolve(new Response("<Code>RequestTimeout</Code>", { status: 400 }));
    return undefined;
  };
  expect(await client.upload(hello())).toMatchObject({ size: 14 });
  expect(put).toBe(4);
  expect(net.calls("POST", "/presign-upload")).toHaveLength(1);
});

test("requests to the API are repeated after a lost response and a 503", async () => {
  const { client, net } = await someone();
  const seen = new Map<string, number>();
  net.fault = ({ path, method }, pass) => {
    if (method === "PUT") return undefined;
    const n = (seen.get(path) ?? 0) + 1;
    seen.set(path, n);
    // The first request succeeds, but its answer is lost.
    if (n === 1) return pass().then(cut);
    if (n === 2) return Promise.resolve(Response.json({ message: "Service Unavailable" }, { status: 503 }));
    return undefined;
  };
  const file = await client.upload(hello());
  await client.remove(file.id);
  expect(await all(client.list())).toEqual([]);
});

test("a URL that S3 refuses is replaced by a fresh one", async () => {
  const { client, net } = await someone();
  let spoilt = 0;
  net.fault = ({ method, url }, pass) => {
    if (method !== "PUT" || spoilt++ > 0) return undefined;
    return pass(url.replace(/X-Amz-Date=\d{4}/, "X-Amz-Date=2020"));
  };
  expect(await client.upload(hello())).toMatchObject({ size: 14 });
  expect(net.log.filter(({ status }) => status === 403)).toHaveLength(1);
  expect(net.calls("POST", "/presign-upload")).toHaveLength(2);
});

test("an upload fails if S3 refuses every URL", async () => {
  const { client, net } = await someone();
  net.fault = ({ method, url }, pass) =>
    method === "PUT" ? pass(url.replace(/X-Amz-Date=\d{4}/, "X-Amz-Date=2020")) : undefined;
  await expect(client.upload(hello())).rejects.toMatchObject({ code: "upload_refused", status: 403 });
  expect(net.calls("PUT", "")).toHaveLength(4);
});

test("a 412 of S3 means that an earlier attempt has stored the file", async () => {
  const { client, net } = await someone();
  net.fault = ({ method }, pass) =>
    method === "PUT" ? pass().then(() => new Response("<Code>PreconditionFailed</Code>", { status: 412 })) : undefined;
  expect(await client.upload(hello())).toMatchObject({ size: 14 });
});

test("refusals keep their error code and are not repeated", async () => {
  const { client, net } = await someone();
  const html = new File(["x"], "x.bin", { type: "application/x-msdownload" });
  await expect(client.upload(html)).rejects.toMatchObject({ code: "type_not_allowed", status: 415 });
  const bad = client.upload(hello(), { fileName: "a".repeat(769) });
  await expect(bad).rejects.toBeInstanceOf(SlipwayError);
  await expect(bad).rejects.toMatchObject({ code: "invalid_request", status: 400 });
  expect(net.calls("POST", "/presign-upload")).toHaveLength(2);
});

test("a token that is refused is replaced once", async () => {
  const { token: good } = await someone();
  const asked: (string | undefined)[] = [];
  const token = (refused?: string) => {
    asked.push(refused);
    return refused === undefined ? "stale" : good;
  };
  const { client } = await someone({ token });
  expect(await all(client.list())).toEqual([]);
  expect(asked).toEqual([undefined, "stale"]);

  const { client: stranger, net } = await someone({ token: () => "never good" });
  await expect(stranger.usage()).rejects.toMatchObject({ code: "unauthenticated", status: 401 });
  expect(net.log).toHaveLength(2);
});

test("an abort rejects with the reason of the signal", async () => {
  const { client, net } = await someone();
  const stop = new AbortController();
  net.fault = ({ method }) => {
    if (method === "PUT") stop.abort(new Error("enough"));
    return method === "PUT" ? cut() : undefined;
  };
  await expect(client.upload(hello(), { signal: stop.signal })).rejects.toThrow("enough");
  expect(net.calls("PUT", "")).toHaveLength(1);
  await expect(client.list({ signal: stop.signal }).next()).rejects.toThrow("enough");
});

test("two users do not see each other's files", async () => {
  const [one, two] = [await someone(), await someone()];
  const file = await one.client.upload(hello());
  expect(await all(two.client.list())).toEqual([]);
  await expect(two.client.get(file.id)).rejects.toMatchObject({ code: "not_found" });
  expect(await two.client.removeMany([file.id])).toEqual({ deleted: [], missing: [file.id] });
  expect(await one.client.removeMany([file.id])).toEqual({ deleted: [file.id], missing: [] });
});
