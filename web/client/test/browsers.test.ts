/**
 * The oldest supported runtimes: Safari 15.4, Chrome 100, Firefox 100, Node.js 20 and React Native 0.74.
 *
 * The compiler allows only ES2022, the built files are searched for what those lack, and the client runs where it is removed.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, inject, test, vi } from "vitest";
import { type ConnectionOptions, createClient, type FileOnDisk, type SendFile, UploadQueue } from "../src/index.ts";
import { all, pattern, someone } from "./world.ts";

const CLIENT = resolve(import.meta.dirname, "..");
const MIB = 1024 * 1024;

afterEach(() => vi.unstubAllGlobals());

/** What one of them lacks, as it would appear in a script. */
const MISSING: [RegExp, string][] = [
  [/\bAbortSignal\s*\.\s*(any|timeout)\b/, "Chrome 116, Safari 17.4"],
  [/\.throwIfAborted\b/, "React Native 0.82"],
  [/\bURLSearchParams\b/, "`size` in Chrome 113 and Safari 17, `set` in React Native 0.80"],
  [/new URL\([^)]*\)\s*\.\s*(origin|host|searchParams|pathname)|\bURL\b.*\.(origin|searchParams)/, "React Native 0.80"],
  [/\.(findLast|findLastIndex)\(/, "Firefox 104"],
  [/\.(toSorted|toReversed|toSpliced|with)\(/, "Chrome 110, Firefox 115"],
  [/\.(isWellFormed|toWellFormed)\(/, "Chrome 111, Firefox 119"],
  [/\bPromise\s*\.\s*(withResolvers|try)\b/, "Chrome 119"],
  [/\b(Object|Map)\s*\.\s*groupBy\b/, "Chrome 117"],
  [/\bArray\s*\.\s*fromAsync\b/, "Chrome 121"],
  [/\bResponse\s*\.\s*json\(/, "Chrome 105, Firefox 115"],
  [/\bURL\s*\.\s*(canParse|parse)\b/, "Chrome 120"],
  [/\.(union|intersection|difference|isSubsetOf)\(/, "Chrome 122"],
  [/\.bytes\(\)/, "Chrome 132"],
  [/\bUint8Array\s*\.\s*from(Base64|Hex)\b|\.to(Base64|Hex)\(/, "Chrome 140"],
  [/\b(DecompressionStream|CompressionStream)\b/, "Firefox 113"],
  [/\bstructuredClone\b/, "React Native"],
  [/\.at\(/, "React Native 0.70 with JavaScriptCore"],
  [/\\[pP]\{/, "Hermes of React Native 0.74"],
  [/\(\?<[=!]/, "Safari 16.4"],
  [/\bstatic\s*\{/, "Safari 16.4"],
  [/\/[dgimsuy]*v[dgimsuy]*[;,.)]/, "Chrome 112"],
  [/^\s*await\b/m, "a module that waits while it loads"],
];

test("the built files call nothing that a supported runtime lacks", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-dist-"));
  try {
    const tsc = resolve(CLIENT, "../node_modules/.bin/tsc");
    await promisify(execFile)(tsc, ["--project", join(CLIENT, "tsconfig.build.json"), "--outDir", folder]);
    const files = (await readdir(folder)).filter((name) => name.endsWith(".js"));
    expect(files).toContain("index.js");
    for (const name of files) {
      // Comments may name what is not called.
      const code = (await readFile(join(folder, name), "utf8")).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
      for (const [newer, since] of MISSING) {
        if (since.startsWith("a module"))
          expect(code.replace(/\{[\s\S]*\}/, ""), `${name}: ${since}`).not.toMatch(newer);
        else expect(code, `${name}: ${since}`).not.toMatch(newer);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Removes properties while `work` runs. */
async function without<T>(missing: [object, PropertyKey][], work: () => Promise<T>): Promise<T> {
  const kept = missing.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  for (const [owner, name] of missing) Reflect.deleteProperty(owner, name);
  try {
    return await work();
  } finally {
    missing.forEach(([owner, name], at) => {
      const descriptor = kept[at];
      if (descriptor) Object.defineProperty(owner, name, descriptor);
    });
  }
}

/** Missing in Safari 15.4, Chrome 100 or Firefox 100. */
const NEWER: [object, PropertyKey][] = [
  [URLSearchParams.prototype, "size"],
  [AbortSignal, "any"],
  [AbortSignal, "timeout"],
  [AbortSignal.prototype, "throwIfAborted"],
  [AbortSignal.prototype, "reason"],
  [Promise, "withResolvers"],
  [Array.prototype, "findLast"],
  [Array.prototype, "toSorted"],
  [Response, "json"],
];

test.each([
  ["older browsers", NEWER],
  ["runtimes that cannot read a Blob", [...NEWER, [Blob.prototype, "arrayBuffer"] as [object, PropertyKey]]],
])("%s list, filter, upload, resume and queue", (_, missing) =>
  without(missing, async () => {
    const { client } = await someone();
    for (const type of ["text/plain", "image/png", "text/css"]) {
      await client.upload(new File(["x"], type.replace("/", "."), { type }));
    }
    const names = (await all(client.list({ pageSize: 1 }))).map(({ fileName }) => fileName);
    expect(names).toEqual(["text.css", "image.png", "text.plain"]);
    expect(await all(client.list({ contentType: "image/" }))).toHaveLength(1);
    const { signal } = new AbortController();
    const large = () => new File([pattern(11 * MIB)], "large.bin", { lastModified: 1 });
    const parts = { partsAbove: MIB, partSize: 5 * MIB, resume: false } as const;
    expect(await client.upload(large(), { ...parts, signal })).toMatchObject({ size: 11 * MIB });
    const stopped = new AbortController();
    stopped.abort();
    await expect(client.usage({ signal: stopped.signal })).rejects.toMatchObject({ name: "AbortError" });
    const queue = new UploadQueue(client, parts);
    queue.add([large(), new File(["y"], "y.txt", { type: "text/plain" })]);
    expect(await queue.idle()).toMatchObject({ done: 2 });
  }));

const RealURL = URL;

/** `URL` of React Native 0.74: it parses nothing. */
class NativeURL {
  constructor(private readonly text: string) {}
  get href(): string {
    return this.text.endsWith("/") ? this.text : `${this.text}/`;
  }
  get origin(): never {
    throw new Error("URL.origin is not implemented");
  }
}

/** `URLSearchParams` of React Native 0.74. */
class NativeParams {
  set(): never {
    throw new Error("URLSearchParams.set is not implemented");
  }
}

/** `Blob` of React Native 0.74: it holds bytes in native memory, and scripts can neither create one of bytes nor read it. */
class NativeBlob {
  constructor() {
    throw new Error("Creating blobs from 'ArrayBuffer' and 'ArrayBufferView' are not supported");
  }
}

/** `FormData` of React Native. S3's PUT takes the bytes alone. */
class NativeForm {
  append(): never {
    throw new Error("a form is not what S3 takes");
  }
}

/** React Native's `XMLHttpRequest`, with files on a disk: `send({ uri })` sends one without a script having read it. */
function nativeRequest(disk: Map<string, Blob>, sent: unknown[]) {
  return class {
    upload: Record<string, (event: unknown) => void> = {};
    status = 0;
    responseText = "";
    onload?: () => void;
    onerror?: () => void;
    onloadend?: () => void;
    #headers: Record<string, string> = {};
    #url = "";
    open(_: string, url: string) {
      this.#url = url;
    }
    setRequestHeader(name: string, value: string) {
      this.#headers[name] = value;
    }
    abort() {}
    send(body: { uri: string }) {
      sent.push(body);
      fetch(this.#url, { method: "PUT", headers: this.#headers, body: disk.get(body.uri) ?? null })
        .then(async (response) => {
          this.status = response.status;
          this.responseText = await response.text();
          this.onload?.();
        })
        .catch(() => this.onerror?.())
        .finally(() => this.onloadend?.());
    }
  };
}

/** A client where the runtime is React Native. */
async function native(options: Partial<ConnectionOptions> = {}) {
  const { token } = await someone();
  vi.stubGlobal("URLSearchParams", NativeParams);
  vi.stubGlobal("Blob", NativeBlob);
  vi.stubGlobal("FormData", NativeForm);
  vi.stubGlobal("crypto", undefined);
  vi.stubGlobal("navigator", { product: "ReactNative" });
  // Node's own fetch needs the real one, and the client needs one only here.
  vi.stubGlobal("URL", NativeURL);
  const retry = { attempts: 2, firstPauseMs: 5 };
  const client = createClient({ url: inject("stack").api, token: () => token, retry, ...options });
  vi.stubGlobal("URL", RealURL);
  return client;
}

test("React Native uploads from the disk, without reading the file, and lists", async () => {
  const film = { uri: "file:///data/film.mp4", name: "film.mp4", type: "video/mp4", size: 40 * MIB };
  const photo = { uri: "content://media/1", name: "IMG_1.jpg", type: "image/jpeg", size: 3 };
  const sent: unknown[] = [];
  const disk = new Map([
    [film.uri, new Blob([new Uint8Array(film.size)])],
    [photo.uri, new Blob(["abc"])],
  ]);
  vi.stubGlobal("XMLHttpRequest", nativeRequest(disk, sent));
  const client = await native();
  const stored = await client.upload(photo, { signal: new AbortController().signal });
  expect(stored).toMatchObject({ fileName: "IMG_1.jpg", contentType: "image/jpeg", size: 3 });
  const queue = new UploadQueue(client);
  queue.add([film]);
  expect(await queue.idle()).toMatchObject({ done: 1 });
  expect(sent).toEqual([photo, film]);
  expect((await all(client.list({ pageSize: 1, contentType: "video/" }))).map(({ fileName }) => fileName)).toEqual([
    "film.mp4",
  ]);
});

test("the application's own upload gets the file's address, and is repeated and aborted as any other", async () => {
  const disk = new Blob(["a film"]);
  /** The `File` of expo-file-system: as a Blob, it would load the whole file. */
  class ExpoFile {
    readonly uri = "file:///film.mp4";
    readonly name = "film.mp4";
    readonly type = "video/mp4";
    readonly size = disk.size;
    slice(): never {
      throw new Error("the whole file is in memory");
    }
    arrayBuffer(): never {
      return this.slice();
    }
  }
  const sent: unknown[] = [];
  const stop = new AbortController();
  let fails = 1;
  const sendFile: SendFile = async (file, { url, headers, onSent, signal }) => {
    sent.push(file);
    if (signal === stop.signal) stop.abort(new Error("enough"));
    if (fails-- > 0 || signal?.aborted) throw new Error("the connection was lost");
    const { status } = await fetch(url, { method: "PUT", headers, body: disk });
    onSent(disk.size);
    return { status };
  };
  const client = await native({ sendFile });
  const progress: number[] = [];
  const onProgress = ({ sent }: { sent: number }) => void progress.push(sent);
  const film = new ExpoFile() as FileOnDisk;
  expect(await client.upload(film, { onProgress })).toMatchObject({ fileName: "film.mp4", size: 6 });
  expect(sent).toEqual(Array(2).fill({ uri: film.uri, name: film.name, type: film.type, size: film.size }));
  expect(progress).toEqual([0, 0, 6, 6]);
  await expect(client.upload(film, { signal: stop.signal })).rejects.toThrow("enough");
  const queue = new UploadQueue(client, { partsAbove: 1 });
  queue.add([film]);
  expect(await queue.idle()).toMatchObject({ done: 1 });
});
