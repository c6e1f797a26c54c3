/** The ways to upload that are compared, bundled into a page. `API`, `PEERS` and `token` are globals. */
import { uploadFiles } from "@better-upload/client";
import { createClient, UploadQueue } from "@slipway/client";
import AwsS3 from "@uppy/aws-s3";
import Uppy from "@uppy/core";
import { Upload } from "tus-js-client";

const slipway = createClient({ url: API, token });

/** As many as Chromium opens to one host. */
const AT_ONCE = 6;

async function post(path, body) {
  const headers = { Authorization: `Bearer ${await token()}`, "Content-Type": "application/json" };
  const response = await fetch(API + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function presign(files) {
  const intents = files.map(({ name, type, size }) => ({ fileName: name, contentType: type, size }));
  if (files.length === 1) return [await post("/presign-upload", intents[0])];
  return (await post("/presign-upload", { files: intents })).uploads;
}

/** Six at once, in their order. */
async function each(files, work) {
  let next = 0;
  const worker = async () => {
    while (next < files.length) {
      const n = next++;
      await work(files[n], n);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const put = (files, signed) =>
  each(files, async (body, n) => {
    const { presignedUrl, headers } = signed[n];
    const { ok, status } = await fetch(presignedUrl, { method: "PUT", headers, body });
    if (!ok) throw new Error(`S3: ${status}`);
  });

const tus = (file) =>
  new Promise((resolve, reject) => {
    new Upload(file, {
      endpoint: PEERS.tus,
      metadata: { filename: file.name, filetype: file.type },
      removeFingerprintOnSuccess: true,
      onSuccess: resolve,
      onError: reject,
    }).start();
  });

/** Each returns the function that is measured; what happens before is not. */
const ways = {
  bare: async (files) => {
    const signed = await presign(files);
    return () => put(files, signed);
  },
  hand: async (files) => async () => {
    const signed = await presign(files);
    await put(files, signed);
    const objectKeys = signed.map(({ objectKey }) => objectKey);
    await post("/save-metadata", files.length === 1 ? { objectKey: objectKeys[0] } : { objectKeys });
  },
  client: async (files) => () => Promise.all(files.map((file) => slipway.upload(file))),
  queue: async (files) => async () => {
    const queue = new UploadQueue(slipway);
    queue.add(files);
    const { failed } = await queue.idle();
    if (failed > 0) throw queue.snapshot.uploads.find(({ error }) => error).error;
  },
  uppy: async (files) => {
    // Uppy refuses a file that it has, so each run has an instance of its own.
    const uppy = new Uppy().use(AwsS3, {
      shouldUseMultipart: false,
      generateObjectKey: ({ id }) => id,
      signRequest: async ({ key }) => {
        const [{ presignedUrl: url, headers }] = await presign([uppy.getFile(key)]);
        return { url, headers };
      },
    });
    uppy.addFiles(files.map((data) => ({ name: data.name, type: data.type, data })));
    return async () => {
      const { failed } = await uppy.upload();
      if (failed.length > 0) throw new Error(failed[0].error);
    };
  },
  better: async (files) => async () => {
    const { failedFiles } = await uploadFiles({ api: PEERS.better, route: "files", files, uploadBatchSize: AT_ONCE });
    if (failedFiles.length > 0) throw new Error(failedFiles[0].error.message);
  },
  tus: async (files) => () => each(files, tus),
};

/** The files of the case, as a user chooses them. */
globalThis.chosen = document.body.appendChild(
  Object.assign(document.createElement("input"), { type: "file", multiple: true, id: "chosen" }),
);

/** Uploads the first `count` files. Answers the milliseconds, and how many tasks of the page took 50 ms or longer. */
globalThis.measure = async (way, count) => {
  const files = [...globalThis.chosen.files].slice(0, count);
  const run = await ways[way](files);
  const long = [];
  const observer = new PerformanceObserver((list) => long.push(...list.getEntries()));
  observer.observe({ entryTypes: ["longtask"] });
  const from = performance.now();
  await run();
  const ms = performance.now() - from;
  long.push(...observer.takeRecords());
  observer.disconnect();
  return { ms, longTasks: long.length, longest: Math.max(0, ...long.map(({ duration }) => Math.round(duration))) };
};

/** Deletes every file, and waits until events have recorded what the page did not. */
globalThis.clean = async (recorded) => {
  for (let ids = [], patience = 20; patience > 0 && (recorded > 0 || ids.length > 0); patience--) {
    ids = [];
    for await (const { id } of slipway.list()) ids.push(id);
    await slipway.removeMany(ids);
    recorded -= ids.length;
    if (recorded > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
