/** What applications, disks, proxies and servers do wrong, and what the client makes of it. */
import { afterEach, expect, test, vi } from "vitest";
import { errorOf } from "../src/errors.ts";
import { connect, createClient, SlipwayError } from "../src/index.ts";
import { retrying } from "../src/retry.ts";
import { put } from "../src/send.ts";
import { all, cut, Memory, pattern, someone } from "./world.ts";

const MIB = 1024 * 1024;
const hello = () => new File(["Hello, Slipway"], "hello.txt", { type: "text/plain", lastModified: 1 });
const large = (name = "large.bin") => new File([pattern(11 * MIB)], name, { lastModified: 1 });
const PARTS = { partsAbove: MIB, partSize: 5 * MIB, checksum: false };

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("throttling is retried, and too many unfinished uploads are not", () => {
  const refused = (body: object) => errorOf(new Response("", { status: 429 }), body);
  expect(refused({ message: "Too Many Requests" })).toMatchObject({ code: "gateway", retryable: true });
  const error = "You have 1000 unfinished uploads, and no more are allowed. Complete or abort some first.";
  expect(refused({ success: false, code: "too_many_uploads", error })).toMatchObject({
    code: "too_many_uploads",
    message: error,
    retryable: false,
  });
});

test("a 404 that is not from the API is not reported as a missing file", async () => {
  const { client, net } = await someone();
  net.fault = () => Promise.resolve(Response.json({ message: "Not Found" }, { status: 404 }));
  await expect(client.remove("01890a5d-ac96-774b-bcce-b302099a8057")).rejects.toMatchObject({ code: "gateway" });
});

test("an exception in a callback is reported and does not end the upload", async () => {
  const { client } = await someone();
  const reported: unknown[] = [];
  vi.stubGlobal("reportError", (error: unknown) => reported.push(error));
  const callbacks = {
    onStart: () => {
      throw new Error("in onStart");
    },
    onProgress: () => {
      throw new Error("in onProgress");
    },
  };
  expect(await client.upload(hello(), callbacks)).toMatchObject({ size: 14 });
  expect(await client.upload(large(), { ...PARTS, resume: false, ...callbacks })).toMatchObject({ size: 11 * MIB });
  expect(reported.map(String)).toContain("Error: in onStart");
  expect(reported.map(String)).toContain("Error: in onProgress");
});

test("a file that shrank on the disk is detected before it is sent", async () => {
  const { client, net } = await someone();
  // Firefox keeps the size and resolves with fewer bytes, where Chromium rejects.
  class Shrunk extends File {
    override slice(from = 0, to = this.size): Blob {
      return Object.defineProperty(new Shrunk([], this.name), "size", { value: to - from });
    }
  }
  const file = new Shrunk(["Hello, Slipway"], "hello.txt", { type: "text/plain" });
  await expect(client.upload(file, { checksum: false })).rejects.toMatchObject({ code: "file_changed" });
  expect(net.calls("PUT", "")).toHaveLength(0);
});

test("a file that was removed before WebKit read its size is not uploaded as empty", async () => {
  const { client, net } = await someone();
  class Removed extends File {
    override arrayBuffer(): Promise<never> {
      return Promise.reject(new DOMException("The object can not be found here.", "NotFoundError"));
    }
  }
  const upload = client.upload(new Removed([], "film.mp4"), { checksum: false });
  await expect(upload).rejects.toMatchObject({ code: "file_changed" });
  expect(net.log).toHaveLength(0);
});

/** A network on which nothing moves. */
class Stuck {
  upload = {};
  onabort?: () => void;
  onloadend?: () => void;
  open() {}
  setRequestHeader() {}
  send() {}
  abort() {
    this.onabort?.();
    this.onloadend?.();
  }
}

test.each([
  0, 7_000,
])("a file that WebKit pads with zeros, because it shrank within %i ms, ends the upload", async (ms) => {
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", Stuck);
  // WebKit allocates a buffer of the length that the file had. What it decodes ends where the file does.
  let isShorter = false;
  setTimeout(() => (isShorter = true), ms);
  class Padded extends File {
    override slice(from = 0, to = this.size): Blob {
      return new Padded([super.slice(from, to)], this.name);
    }
    override async text() {
      return isShorter ? "" : super.text();
    }
  }
  await vi.advanceTimersByTimeAsync(0);
  const connection = connect({ url: "http://localhost:1", token: () => "t" });
  const file = new Padded(["Hello, Slipway"], "hello.txt");
  const sent = put(connection, "http://localhost:1/x", {}, file, [], () => {});
  const failed = expect(sent).rejects.toMatchObject({ code: "file_changed" });
  await vi.advanceTimersByTimeAsync(ms + 5_000);
  await failed;
});

test("the same file in two uploads at once has two ids, and one can be cancelled", async () => {
  const { client } = await someone();
  const [resume, stop] = [new Memory(), new AbortController()];
  const ids = new Map<string, string>();
  const options = (name: string) => ({
    ...PARTS,
    resume,
    onStart: ({ id }: { id: string }) => void ids.set(name, id),
  });
  const first = client.upload(large(), options("first"));
  const second = client.upload(large(), { ...options("second"), signal: stop.signal });
  await expect.poll(() => ids.size).toBe(2);
  expect(ids.get("first")).not.toBe(ids.get("second"));
  stop.abort(new Error("cancelled"));
  await second.catch(() => undefined);
  await client.discard(ids.get("second") ?? "");
  expect(await first).toMatchObject({ size: 11 * MIB });
});

test("an upload that runs in another tab keeps its id", async () => {
  const { client } = await someone();
  const [resume, stop] = [new Memory(), new AbortController()];
  let begun = "";
  const onStart = ({ id }: { id: string }) => {
    begun = id;
    stop.abort(new Error("the other tab goes on"));
  };
  const options = { ...PARTS, resume };
  await expect(client.upload(large(), { ...options, onStart, signal: stop.signal })).rejects.toThrow("the other tab");
  // The Web Locks API answers null for a lock that another tab holds.
  const asked: string[] = [];
  const request = (name: string, _: object, work: (lock: null) => Promise<unknown>) => {
    asked.push(name);
    return work(null);
  };
  vi.stubGlobal("navigator", { onLine: true, locks: { request } });
  const file = await client.upload(large(), options);
  expect(asked).toEqual([...resume.entries.keys()]);
  expect(file.id).not.toBe(begun);
  expect([...resume.entries.values()]).toEqual([begun]);
});

/** A network whose proxy takes all bytes at once, and sends them on slowly. */
class Proxied {
  static answerAfterMs = 0;
  static last: Proxied | undefined;
  upload: { onprogress?: (event: { loaded: number }) => void; onload?: () => void } = {};
  status = 200;
  responseText = "";
  onload?: () => void;
  onabort?: () => void;
  onloadend?: () => void;
  #answer: ReturnType<typeof setTimeout> | undefined;
  open() {}
  setRequestHeader() {}
  send(body: Blob) {
    Proxied.last = this;
    this.upload.onprogress?.({ loaded: body.size });
    this.upload.onload?.();
    this.#answer = setTimeout(() => {
      this.onload?.();
      this.onloadend?.();
    }, Proxied.answerAfterMs);
  }
  abort() {
    clearTimeout(this.#answer);
    this.onabort?.();
    this.onloadend?.();
  }
}

test("after the last byte, the response may take as long as a proxy needs to forward the body", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", Proxied);
  const body = Object.assign(new Blob(["x"]), { slice: () => new Blob(["x"]) });
  Object.defineProperty(body, "size", { value: 100 * MIB });
  const connection = connect({ url: "http://localhost:1", token: () => "t" });
  const send = () => put(connection, "http://localhost:1/x", {}, body, [], () => {});
  // 100 MiB at 64 KiB/s take 26 minutes.
  Proxied.answerAfterMs = 25 * 60_000;
  const patient = send();
  await vi.advanceTimersByTimeAsync(25 * 60_000);
  expect(await patient).toBe(200);

  Proxied.answerAfterMs = 60 * 60_000;
  const lost = expect(send()).rejects.toMatchObject({ code: "network", message: /^Nothing moved for 1[67]\d\d s/ });
  await vi.advanceTimersByTimeAsync(60 * 60_000);
  await lost;
});

test("an upload is resumed although the Unicode normalisation of its name differs", async () => {
  const { client, net } = await someone();
  const [resume, stop] = [new Memory(), new AbortController()];
  net.fault = ({ method, url }) => {
    if (method !== "PUT" || new URL(url).searchParams.get("partNumber") === "1") return undefined;
    stop.abort(new Error("closed"));
    return cut();
  };
  const begun = client.upload(large("Übergröße.bin".normalize("NFC")), {
    ...PARTS,
    resume,
    parallel: 1,
    signal: stop.signal,
  });
  await expect(begun).rejects.toThrow("closed");
  net.fault = () => undefined;
  let resumed = 0;
  const onProgress = (progress: { resumed: number }) => (resumed = progress.resumed);
  await client.upload(large("Übergröße.bin".normalize("NFD")), { ...PARTS, resume, onProgress });
  expect(resumed).toBe(5 * MIB);
});

test("an upload succeeds although navigator.onLine is wrongly false", async () => {
  const { client, net } = await someone();
  vi.stubGlobal("navigator", { onLine: false });
  let failures = 0;
  net.fault = ({ method }) => (method === "PUT" && failures++ < 2 ? cut() : undefined);
  expect(await client.upload(hello())).toMatchObject({ size: 14 });
});

test("an API that never responds causes a timeout error", async () => {
  vi.useFakeTimers();
  const never: typeof fetch = (_, init) =>
    new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
  const client = createClient({ url: "http://localhost:1", token: () => "t", fetch: never, retry: { attempts: 2 } });
  const usage = client.usage();
  const failed = expect(usage).rejects.toMatchObject({
    code: "network",
    message: "The API did not answer.",
  });
  await vi.advanceTimersByTimeAsync(120_000);
  await failed;
});

test("a Retry-After of an hour is limited", async () => {
  vi.useFakeTimers();
  let attempts = 0;
  const done = retrying({}, async () => {
    if (attempts++ > 0) return "done";
    throw new SlipwayError("unavailable", "later", 503, { retryAfterMs: 3_600_000 });
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await done).toBe("done");
});

test("a token callback that fails once is called again, and one that always fails is an error with its cause", async () => {
  const { token: good } = await someone();
  let calls = 0;
  const once = await someone({
    token: () => {
      if (calls++ === 0) throw new TypeError("Failed to fetch");
      return good;
    },
  });
  expect(await all(once.client.list())).toEqual([]);
  const cause = new TypeError("Failed to fetch");
  const { client, net } = await someone({ token: () => Promise.reject(cause) });
  await expect(client.usage()).rejects.toMatchObject({ code: "unauthenticated", cause });
  expect(net.log).toHaveLength(0);
});

test("a missing CORS rule is distinguished from a lost connection", async () => {
  vi.stubGlobal("location", { origin: "https://app.example.com", href: "https://app.example.com/" });
  const asked: string[] = [];
  // A browser hides the answer of a server whose rule does not name the page, and only `no-cors` gets one.
  const browser: typeof fetch = async (input, init) => {
    asked.push(`${init?.mode ?? "cors"} ${input}`);
    if (init?.mode === "no-cors") return new Response();
    throw new TypeError("Failed to fetch");
  };
  const options = { url: "https://api.example.com", token: () => "t", fetch: browser };
  const client = createClient({ ...options, retry: { firstPauseMs: 1, longestPauseMs: 2 } });
  await expect(client.usage()).rejects.toMatchObject({
    code: "cors",
    message: "The API is reachable, but its CORS rule does not allow https://app.example.com.",
  });
  expect(asked.filter((each) => each.startsWith("cors "))).toHaveLength(3);
});

test("a PUT that was cut after its first byte is reported as a lost connection, not as a missing CORS rule", async () => {
  vi.stubGlobal("location", { origin: "https://app.example.com", href: "https://app.example.com/" });
  let sends = 0;
  class Cut extends Proxied {
    onerror?: () => void;
    override send(body: Blob) {
      sends++;
      if (sends > 1) this.upload.onprogress?.({ loaded: body.size / 2 });
      this.onerror?.();
      this.onloadend?.();
    }
  }
  vi.stubGlobal("XMLHttpRequest", Cut);
  const reachable: typeof fetch = async () => new Response();
  const connection = connect({ url: "https://api.example.com", token: () => "t", fetch: reachable });
  const send = () => put(connection, "https://s3.example.com/x", {}, new Blob(["four"]), [], () => {});
  await expect(send()).rejects.toMatchObject({ code: "cors" });
  await expect(send()).rejects.toMatchObject({ code: "network" });
});

test("a refusal by S3 because of a wrong clock names the clock", async () => {
  const { client, net } = await someone();
  net.fault = ({ method }) =>
    method === "PUT"
      ? Promise.resolve(new Response("<Error><Code>RequestTimeTooSkewed</Code></Error>", { status: 403 }))
      : undefined;
  await expect(client.upload(hello())).rejects.toThrow("The clock of the signing server is wrong.");
});

test("invalid options are named in the error", async () => {
  expect(() => connect({ url: "/api", token: () => "t" })).toThrow('url must be an address, not "/api".');
  vi.stubGlobal("location", { href: "https://app.example.com/page?x", origin: "https://app.example.com" });
  expect(connect({ url: "/api/", token: () => "t" }).url).toBe("https://app.example.com/api");
  vi.unstubAllGlobals();

  const { client } = await someone();
  for (const parallel of [0, -1, Number.NaN, 0.5]) {
    expect(await client.upload(large(), { ...PARTS, resume: false, parallel })).toMatchObject({ size: 11 * MIB });
  }
  const stream = (await import("node:stream")).Readable.from(["x"]);
  await expect(client.upload(stream as unknown as Blob)).rejects.toThrow("fs.openAsBlob(path)");
});
