/** Multipart uploads: every part is sent once, whatever fails. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { all, cut, Memory, pattern, someone } from "./world.ts";

const MIB = 1024 * 1024;
const PARTS = { partsAbove: MIB, partSize: 5 * MIB, checksum: false };

/** Four parts, the last one shorter. */
const large = () => new File([pattern(16 * MIB)], "large.bin", { lastModified: 1 });

const partOf = (url: string) => Number(new URL(url).searchParams.get("partNumber"));

test("a large file is uploaded in parts, and its bytes are equal when it is read", async () => {
  const { client, net } = await someone();
  const file = await client.upload(large(), { ...PARTS, resume: false });
  expect(file).toMatchObject({ fileName: "large.bin", size: 16 * MIB });
  expect(net.taken.map(({ url }) => partOf(url)).sort()).toEqual([1, 2, 3, 4]);
  const back = new Uint8Array(await (await client.download(file.id)).arrayBuffer());
  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  expect(hash(back)).toBe(hash(pattern(16 * MIB)));
  expect(await all(client.unfinished())).toEqual([]);
});

test("parts that S3 has are not sent again after a reload", async () => {
  const { client, net } = await someone();
  const resume = new Memory();
  const stop = new AbortController();
  net.fault = ({ method, url }) => {
    if (method !== "PUT" || partOf(url) < 3) return undefined;
    stop.abort(new Error("the page is closed"));
    return cut();
  };
  const first = client.upload(large(), { ...PARTS, resume, parallel: 1, signal: stop.signal });
  await expect(first).rejects.toThrow("the page is closed");
  expect(await all(client.unfinished())).toMatchObject([{ fileName: "large.bin" }]);

  net.fault = () => undefined;
  let resumed = 0;
  const options = { ...PARTS, resume, onProgress: (progress: { resumed: number }) => (resumed = progress.resumed) };
  expect(await client.upload(large(), options)).toMatchObject({ size: 16 * MIB });
  expect(resumed).toBe(10 * MIB);
  expect(net.taken.map(({ url }) => partOf(url)).sort()).toEqual([1, 2, 3, 4]);
  expect(net.taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(16 * MIB);
  expect(resume.entries.size).toBe(0);
});

test("after a cut connection, a 503 or an expired URL, only that part is sent again", async () => {
  const { client, net } = await someone();
  const tries = new Map<number, number>();
  net.fault = ({ method, url }, pass) => {
    if (method !== "PUT") return undefined;
    const part = partOf(url);
    const n = (tries.get(part) ?? 0) + 1;
    tries.set(part, n);
    if (n > 1) return undefined;
    if (part === 1) return cut();
    if (part === 2) return pass(url.replace(/X-Amz-Date=\d{4}/, "X-Amz-Date=2020"));
    if (part === 3) return Promise.resolve(new Response("<Code>InternalError</Code>", { status: 500 }));
    return undefined;
  };
  expect(await client.upload(large(), { ...PARTS, resume: false })).toMatchObject({ size: 16 * MIB });
  expect(Object.fromEntries(tries)).toEqual({ 1: 2, 2: 2, 3: 2, 4: 1 });
  expect(net.taken).toHaveLength(4);
});

test("parts are sent in parallel, up to the limit", async () => {
  const { client, net } = await someone();
  let running = 0;
  let most = 0;
  net.fault = ({ method }, pass) => {
    if (method !== "PUT") return undefined;
    most = Math.max(most, ++running);
    return pass().finally(() => running--);
  };
  await client.upload(large(), { ...PARTS, resume: false, parallel: 2 });
  expect(most).toBe(2);
});

test("an upload is stored although the response to its completion is lost or late", async () => {
  const { client, net } = await someone();
  let n = 0;
  net.fault = ({ path }, pass) => {
    if (!path.endsWith("/complete")) return undefined;
    n++;
    if (n === 1) return Promise.resolve(Response.json({ success: true, status: "completing" }, { status: 202 }));
    if (n === 2) return pass().then(cut);
    return undefined;
  };
  expect(await client.upload(large(), { ...PARTS, resume: false })).toMatchObject({ size: 16 * MIB });
  expect(n).toBe(3);
});

test("a part that S3 lost is sent again", async () => {
  const { client, net } = await someone();
  let lost = 0;
  // S3 answers but stores nothing.
  net.fault = ({ method, url }) =>
    method === "PUT" && partOf(url) === 2 && lost++ === 0 ? Promise.resolve(new Response("")) : undefined;
  expect(await client.upload(large(), { ...PARTS, resume: false })).toMatchObject({ size: 16 * MIB });
  expect(net.calls("POST", /complete$/).map(({ status }) => status)).toEqual([409, 201]);
});

test("a remembered upload that is complete returns its file, and one that was aborted starts again", async () => {
  const { client, net } = await someone();
  const resume = new Memory();
  const file = await client.upload(large(), { ...PARTS, resume: false });
  // As if the page had been closed before the answer arrived.
  const stop = new AbortController();
  net.fault = ({ method }) => {
    if (method !== "PUT") return undefined;
    stop.abort(new Error("closed"));
    return cut();
  };
  await expect(client.upload(large(), { ...PARTS, resume, signal: stop.signal })).rejects.toThrow("closed");
  net.fault = () => undefined;
  const [key = "", abandoned = ""] = [...resume.entries][0] ?? [];
  resume.setItem(key, file.id);
  expect(await client.upload(large(), { ...PARTS, resume })).toMatchObject({ id: file.id });

  resume.setItem(key, abandoned);
  await client.discard(abandoned);
  await client.discard(abandoned);
  const other = await client.upload(large(), { ...PARTS, resume });
  expect([file.id, abandoned]).not.toContain(other.id);
});

test("an upload of another browser is resumed by its id, and only with the same file", async () => {
  const { client, net } = await someone();
  const stop = new AbortController();
  net.fault = ({ method, url }) => {
    if (method !== "PUT" || partOf(url) < 3) return undefined;
    stop.abort(new Error("the battery is empty"));
    return cut();
  };
  const first = client.upload(large(), { ...PARTS, resume: false, parallel: 1, signal: stop.signal });
  await expect(first).rejects.toThrow("the battery is empty");
  net.fault = () => undefined;
  const [left] = await all(client.unfinished());
  const uploadId = left?.id ?? "";
  const { parts } = await client.inspect(uploadId);
  expect(parts.map(({ partNumber, size }) => [partNumber, size])).toEqual([
    [1, 5 * MIB],
    [2, 5 * MIB],
  ]);

  const options = { ...PARTS, uploadId, resume: false } as const;
  const shorter = new File([pattern(15 * MIB)], "large.bin");
  for (const other of [shorter, new File([large()], "other.bin")]) {
    await expect(client.upload(other, options)).rejects.toMatchObject({ code: "file_changed" });
  }
  // An upload that was begun in parts continues in parts, whatever its size.
  const file = await client.upload(large(), { ...options, partsAbove: 100 * MIB });
  expect(file).toMatchObject({ id: uploadId, size: 16 * MIB });
  expect(net.taken.map(({ url }) => partOf(url)).sort()).toEqual([1, 2, 3, 4]);
});

test("nothing is sent if the file exceeds the limit or the quota", async () => {
  const { client, net } = await someone();
  const pretending = (size: number) => Object.defineProperty(new File(["x"], "huge.bin"), "size", { value: size });
  const tooLarge = client.upload(pretending(401 * MIB), { resume: false });
  await expect(tooLarge).rejects.toMatchObject({ code: "file_too_large", status: 413 });
  const tooMuch = client.upload(pretending(351 * MIB), { resume: false });
  await expect(tooMuch).rejects.toMatchObject({ code: "quota_exceeded", status: 413 });
  expect(net.calls("PUT", "")).toHaveLength(0);
});
