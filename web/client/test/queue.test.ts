/** The queue: few requests, bounded connections, and every upload under control. */
import { afterEach, expect, inject, test, vi } from "vitest";
import { connect, UploadQueue } from "../src/index.ts";
import { presignMany } from "../src/many.ts";
import { all, cut, Memory, type Net, pattern, someone } from "./world.ts";

const MIB = 1024 * 1024;

afterEach(() => vi.useRealTimers());
const small = (n: number) => new File([`file ${n}`], `${n}.txt`, { type: "text/plain" });
const many = (count: number) => Array.from({ length: count }, (_, n) => small(n));
const large = (name = "large.bin") => new File([pattern(11 * MIB)], name, { lastModified: 1 });
const PARTS = { partsAbove: MIB, partSize: 5 * MIB, checksum: false, resume: false } as const;

/** Confirms many at once, as the contract says, by the API's single requests. `failing` gets its code once. */
function confirmsMany(net: Net, token: string, failing?: { at: number; code: string }): void {
  let left = failing ? 1 : 0;
  net.fault = ({ path, json }) => {
    const keys = json?.objectKeys as string[] | undefined;
    if (path !== "/save-metadata" || !keys) return undefined;
    const one = async (objectKey: string, n: number) => {
      if (failing?.at === n && left-- > 0) return { objectKey, code: failing.code, error: "Not now." };
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
      const body = JSON.stringify({ objectKey });
      const answer = await fetch(`${inject("stack").api}/save-metadata`, { method: "POST", headers, body });
      return { objectKey, ...((await answer.json()) as object) };
    };
    return Promise.all(keys.map(one)).then((results) => Response.json({ success: true, results }));
  };
}

const states = (queue: UploadQueue) => queue.snapshot.uploads.map(({ state }) => state);

test("100 small files use at most the allowed connections, and far fewer than three requests each", async () => {
  const { client, net, token } = await someone();
  confirmsMany(net, token);
  const answering = net.fault;
  let [running, most] = [0, 0];
  net.fault = (sent, pass) => {
    if (sent.method !== "PUT") return answering(sent, pass);
    most = Math.max(most, ++running);
    return pass().finally(() => running--);
  };
  const queue = new UploadQueue(client, { concurrency: 4 });
  queue.add(many(100));
  expect(await queue.idle()).toMatchObject({ done: 100, failed: 0, waiting: 0, uploading: 0 });
  expect(net.taken).toHaveLength(100);
  expect(most).toBe(4);
  expect(net.calls("POST", "").length).toBeLessThan(100);
  expect(await all(client.list())).toHaveLength(100);
  const { stored, name } = queue.snapshot.uploads[7] ?? {};
  expect(stored).toMatchObject({ fileName: "7.txt", size: 6 });
  expect(name).toBe("7.txt");
});

test("files are confirmed one by one if the deployment refuses batches", async () => {
  const { client, net } = await someone();
  let refused = 0;
  net.fault = ({ json }) => {
    if (!json?.objectKeys) return undefined;
    refused++;
    return Promise.resolve(Response.json({ code: "invalid_request", error: "objectKey is missing." }, { status: 400 }));
  };
  const queue = new UploadQueue(client);
  queue.add(many(20));
  expect(await queue.idle()).toMatchObject({ done: 20, failed: 0 });
  expect(refused).toBe(1);
});

test("one file that is refused does not keep the others of its batch back", async () => {
  const { client, net } = await someone();
  const queue = new UploadQueue(client);
  const failed: string[] = [];
  queue.on("failed", ({ name }) => failed.push(name));
  const bad = new File(["MZ"], "setup.exe", { type: "application/x-msdownload" });
  const files = many(10);
  queue.add([...files.slice(0, 4), bad, ...files.slice(4)]);
  expect(await queue.idle()).toMatchObject({ done: 10, failed: 1 });
  expect(failed).toEqual(["setup.exe"]);
  const { error, retryable } = queue.snapshot.uploads[4] ?? {};
  expect(error).toMatchObject({ code: "type_not_allowed" });
  expect(error?.message).not.toContain("files[");
  expect(retryable).toBe(false);
  expect(net.calls("POST", "/presign-upload").length).toBeLessThan(10);
});

test("of a batch, only the files within the quota are stored", async () => {
  const { client, net } = await someone();
  const room = 3;
  net.fault = ({ path, json }) => {
    const files = json?.files as unknown[] | undefined;
    if (path !== "/presign-upload" || (files ?? [1]).length <= room) return undefined;
    return Promise.resolve(Response.json({ code: "quota_exceeded", error: "Too much." }, { status: 413 }));
  };
  const queue = new UploadQueue(client);
  queue.add(many(20));
  expect(await queue.idle()).toMatchObject({ done: 20 });
});

test("a failed confirmation is repeated, and a final failure affects one file only", async () => {
  for (const [code, done] of [
    ["upload_not_found", 5],
    ["unavailable", 5],
    ["file_deleted", 4],
  ] as const) {
    const { client, net, token } = await someone();
    confirmsMany(net, token, { at: 1, code });
    const queue = new UploadQueue(client);
    queue.add(many(5));
    expect(await queue.idle()).toMatchObject({ done, failed: 5 - done });
  }
});

/** An API and a bucket that answer at once. `refuse` may answer a presign instead. */
function fake(refuse: (files: { fileName: string }[]) => Response | undefined = () => undefined) {
  const [presigned, confirmed]: [number[], number[]] = [[], []];
  const answering: typeof fetch = async (_, init) => {
    if (init?.method === "PUT") return new Response("");
    const body = JSON.parse(String(init?.body));
    if (body.objectKeys) {
      confirmed.push(body.objectKeys.length);
      return Response.json({ results: body.objectKeys.map((id: string) => ({ objectKey: id, file: { id } })) });
    }
    if (body.objectKey) return Response.json({ file: { id: body.objectKey } });
    const files = body.files ?? [body];
    presigned.push(files.length);
    const uploads = files.map(({ fileName }: { fileName: string }) => ({
      id: fileName,
      objectKey: fileName,
      presignedUrl: "http://s3/",
      headers: {},
    }));
    return refuse(files) ?? Response.json(body.files ? { uploads } : uploads[0]);
  };
  return {
    presigned,
    confirmed,
    connection: connect({ url: "http://localhost:1", token: () => "t", fetch: answering }),
  };
}

test("a file that the API names costs two more requests, however many there are", async () => {
  const { presigned, connection } = fake((files) => {
    const at = files.findIndex(({ fileName }) => fileName === "bad");
    const error = `files[${at}]: bad files are not accepted here.`;
    return at < 0 ? undefined : Response.json({ code: "type_not_allowed", error }, { status: 415 });
  });
  const intents = Array.from({ length: 100 }, (_, n) => ({
    fileName: n === 70 ? "bad" : `${n}`,
    contentType: "a/b",
    size: 1,
  }));
  const results = await Promise.allSettled(await presignMany(connection, intents));
  expect(presigned.sort((a, b) => a - b)).toEqual([29, 70, 100]);
  expect(results[70]).toMatchObject({
    status: "rejected",
    reason: { code: "type_not_allowed", status: 415, message: "bad files are not accepted here." },
  });
  expect(results[99]).toMatchObject({ value: { id: "99" } });
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(99);
});

test("100 files that are ready at once are presigned in one request, and confirmed in few", async () => {
  // Without the clock, only what is complete is sent.
  vi.useFakeTimers();
  const { presigned, confirmed, connection } = fake();
  const queue = new UploadQueue(connection);
  queue.add(many(100));
  expect(await queue.idle()).toMatchObject({ done: 100 });
  expect(presigned).toEqual([100]);
  // The last PUTs end one after another.
  expect(confirmed[0]).toBeGreaterThanOrEqual(94);
  expect(confirmed.length).toBeLessThanOrEqual(6);
});

test("a single file waits for no timer", async () => {
  vi.useFakeTimers();
  const queue = new UploadQueue(fake().connection);
  queue.add([small(1)]);
  expect(await queue.idle()).toMatchObject({ done: 1 });
});

test("a single file is not sent as a batch", async () => {
  const { client, net } = await someone();
  const queue = new UploadQueue(client);
  queue.add([small(1)]);
  expect(queue.snapshot.totals).toMatchObject({ waiting: 1, size: 6, sent: 0 });
  expect(await queue.idle()).toMatchObject({ done: 1, size: 6, sent: 6 });
  expect(net.calls("POST", "/presign-upload")[0]?.json?.files).toBeUndefined();
  expect(net.calls("POST", "/save-metadata")[0]?.json?.objectKeys).toBeUndefined();
});

test("a paused upload continues with what S3 has, and a cancelled one leaves nothing", async () => {
  const { client, net } = await someone();
  const queue = new UploadQueue(client, { ...PARTS, concurrency: 1 });
  const [first, second] = queue.add([large("one.bin"), large("two.bin")]);
  net.fault = ({ method, url }) => {
    if (method !== "PUT" || !url.includes("partNumber=2")) return undefined;
    net.fault = () => undefined;
    queue.pause();
    return cut();
  };
  expect(await queue.idle()).toMatchObject({ paused: 2 });
  expect(await all(client.unfinished())).toHaveLength(1);
  expect(net.taken).toHaveLength(1);

  queue.resume(first?.key);
  expect(await queue.idle()).toMatchObject({ paused: 1, done: 1 });
  expect(queue.snapshot.uploads[0]).toMatchObject({ state: "done", resumed: 5 * MIB, sent: 11 * MIB });
  expect(net.taken).toHaveLength(3);

  let begun = 0;
  net.fault = ({ method }) => {
    if (method !== "PUT") return undefined;
    begun++;
    queue.cancel(second?.key);
    return cut();
  };
  queue.resume();
  await expect.poll(() => begun).toBe(1);
  await expect.poll(() => all(client.unfinished())).toEqual([]);
  expect(states(queue)).toEqual(["done"]);
  queue.clear();
  expect(queue.snapshot.uploads).toEqual([]);
});

test("a failed upload can be retried and keeps its position", async () => {
  const { client, net } = await someone({ retry: { attempts: 1 } });
  let broken = true;
  net.fault = ({ method, url }) => (broken && method === "PUT" && url.includes("/0.txt") ? cut() : undefined);
  const queue = new UploadQueue(client);
  queue.add(many(3));
  expect(await queue.idle()).toMatchObject({ done: 2, failed: 1 });
  expect(queue.snapshot.uploads[0]).toMatchObject({ state: "failed", retryable: true, error: { code: "network" } });
  expect(queue.snapshot.totals).toMatchObject({ size: 12, sent: 12 });
  broken = false;
  queue.retry();
  expect(await queue.idle()).toMatchObject({ done: 3, failed: 0 });
});

test("an upload that S3 already has is not paused, and when it is cancelled its file is removed", async () => {
  const { client, net } = await someone();
  let act = (_: UploadQueue) => {};
  const queue = new UploadQueue(client);
  net.fault = ({ path }) => {
    if (path === "/save-metadata") act(queue);
    return undefined;
  };
  let state: string | undefined;
  act = () => {
    queue.pause();
    state = queue.snapshot.uploads[0]?.state;
  };
  queue.add([small(1)]);
  expect(await queue.idle()).toMatchObject({ done: 1 });
  expect(state).toBe("uploading");
  act = () => queue.cancel();
  queue.add([small(2)]);
  await expect.poll(() => net.calls("DELETE", /^\/files\//).length).toBe(1);
  await expect.poll(async () => (await all(client.list())).map(({ fileName }) => fileName)).toEqual(["1.txt"]);
  expect(queue.snapshot.uploads).toEqual([]);
});

test("the snapshot stays the same object until something changes, and uploads that did not change stay too", async () => {
  const { client } = await someone();
  const queue = new UploadQueue(client);
  queue.add([small(1)]);
  await queue.idle();
  const before = queue.snapshot;
  expect(queue.snapshot).toBe(before);
  const changes: number[] = [];
  const off = queue.on("change", ({ totals }) => changes.push(totals.done));
  queue.add([small(2)]);
  expect(queue.snapshot).not.toBe(before);
  expect(queue.snapshot.uploads[0]).toBe(before.uploads[0]);
  await expect.poll(() => changes.at(-1)).toBe(2);
  off();
  const heard = changes.length;
  queue.clear();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(changes).toHaveLength(heard);
});

test("names of folders, rules and metadata go with each file", async () => {
  const { client, net, token } = await someone();
  // The stack of the tests has no rules, and would refuse them.
  net.fault = ({ path, url, json }) => {
    if (path !== "/presign-upload") return undefined;
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const files = (json?.files as object[]).map((file) => ({ ...file, rule: undefined }));
    return fetch(url, { method: "POST", headers, body: JSON.stringify({ files }) });
  };
  const queue = new UploadQueue(client, { rule: "default", resume: new Memory() });
  const inFolder = Object.defineProperty(small(1), "webkitRelativePath", { value: "Holiday/Day 1/1.txt" });
  queue.add([inFolder, { file: small(2), name: "two\n.txt", rule: "avatar", metadata: { album: "a" } }]);
  expect(await queue.idle()).toMatchObject({ done: 2 });
  const files = net.calls("POST", "/presign-upload").flatMap(({ json }) => (json?.files as object[]) ?? [json]);
  expect(files).toMatchObject([
    { fileName: "Holiday/Day 1/1.txt", rule: "default" },
    { fileName: "two_.txt", rule: "avatar", metadata: { album: "a" } },
  ]);
});

test("an exception in a listener does not stop the queue, and invalid options are corrected", async () => {
  const { client } = await someone();
  const queue = new UploadQueue(client.connection, { concurrency: 0 });
  queue.on("done", () => {
    throw new Error("in a listener");
  });
  queue.add(many(2));
  expect(await queue.idle()).toMatchObject({ done: 2 });
});

test("while a request is repeated, the upload and the queue say which attempt it is, until bytes move again", async () => {
  // Longer than the pause between two events.
  const { client, net } = await someone({ retry: { firstPauseMs: 250, longestPauseMs: 250 } });
  let cuts = 2;
  net.fault = ({ method }) => (method === "PUT" && cuts-- > 0 ? Promise.reject(new TypeError("cut")) : undefined);
  const queue = new UploadQueue(client);
  const attempts: unknown[] = [];
  queue.on("change", ({ uploads, trouble }) => {
    if (trouble) attempts.push([trouble.attempt, trouble.error.code, uploads[0]?.trouble?.attempt]);
  });
  queue.add([new File(["x"], "x.txt", { type: "text/plain" })]);
  expect(await queue.idle()).toMatchObject({ done: 1 });
  expect(attempts).toContainEqual([1, "network", 1]);
  expect(attempts).toContainEqual([2, "network", 2]);
  expect(queue.snapshot.trouble).toBeUndefined();
  expect(queue.snapshot.uploads[0]?.trouble).toBeUndefined();
});
