/** The CRC-64/NVME of large files: its value, and where it goes. */
import { expect, test } from "vitest";
import { crc64, FileCrc } from "../src/crc64.ts";
import { withMemory } from "../src/memory.ts";
import { cut, Memory, pattern, someone } from "./world.ts";

const MIB = 1024 * 1024;

/** Bit by bit, as the specification defines it. */
function reference(bytes: Uint8Array): bigint {
  const all = 0xffffffffffffffffn;
  let crc = all;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  }
  return crc ^ all;
}

function ours(bytes: Uint8Array): bigint {
  const [low, high] = crc64(-1, -1, bytes);
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}

const base64 = (crc: bigint) => Buffer.from(crc.toString(16).padStart(16, "0"), "hex").toString("base64");

test("the checksum is that of the CRC catalogue, for every length", () => {
  // The check value of https://reveng.sourceforge.io/crc-catalogue/.
  expect(ours(new TextEncoder().encode("123456789"))).toBe(0xae8b14860a799888n);
  for (let length = 0; length < 40; length++) {
    const bytes = pattern(length + 3).slice(0, length);
    expect(ours(bytes)).toBe(reference(bytes));
  }
});

test("a file is read in pieces, and checksums of ranges are computed in any order", async () => {
  const bytes = pattern(2 * MIB + 77);
  const expected = base64(ours(bytes));
  const crc = new FileCrc(new Blob([bytes]), withMemory);
  crc.readTo(MIB + 5);
  crc.readTo(17);
  expect(await crc.value()).toBe(expected);
  expect(await new FileCrc(new Blob([]), withMemory).value()).toBe(base64(0n));
});

/** A Blob of Safari and of older browsers: its stream hands out chunks of its own. */
class Older extends Blob {
  static chunks = 0;
  override slice(from?: number, to?: number): Blob {
    return new Older([super.slice(from, to)]);
  }
  override stream() {
    const parts = super.stream().getReader();
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        const { done, value } = await parts.read();
        if (done) return controller.close();
        Older.chunks++;
        controller.enqueue(value);
      },
    });
  }
}

test("a file is read in browsers without byte streams of a Blob", async () => {
  const bytes = pattern(3 * MIB);
  const older = new FileCrc(new Older([bytes]), withMemory);
  expect(await older.value()).toBe(base64(ours(bytes)));
  expect(Older.chunks).toBeGreaterThan(0);
});

test("an upload in parts is completed with the checksum of the whole file, also after a pause", async () => {
  const { client, net } = await someone();
  const bytes = pattern(11 * MIB);
  const file = () => new File([bytes], "large.bin", { lastModified: 1 });
  const options = { partsAbove: MIB, partSize: 5 * MIB, parallel: 1, resume: new Memory() };
  const stop = new AbortController();
  net.fault = ({ method, url }) => {
    if (method !== "PUT" || !url.includes("partNumber=3")) return undefined;
    stop.abort(new Error("paused"));
    return cut();
  };
  await expect(client.upload(file(), { ...options, signal: stop.signal })).rejects.toThrow("paused");
  net.fault = () => undefined;
  await client.upload(file(), options);
  const [completed] = net.calls("POST", /complete$/);
  expect(completed?.json).toEqual({ checksumCrc64nvme: base64(ours(bytes)) });
});

test("parts whose bytes differ from the file are sent again", async () => {
  const { client, net } = await someone();
  let refused = 0;
  net.fault = ({ path }) =>
    path.endsWith("/complete") && refused++ === 0
      ? Promise.resolve(Response.json({ code: "checksum_mismatch", error: "They differ." }, { status: 409 }))
      : undefined;
  const file = new File([pattern(6 * MIB)], "large.bin");
  await client.upload(file, { partsAbove: MIB, partSize: 5 * MIB, resume: false });
  expect(net.taken.map(({ url }) => new URL(url).searchParams.get("partNumber")).sort()).toEqual(["1", "1", "2", "2"]);
});

test("a file that was removed because of its checksum is reported as such, not as a missing upload", async () => {
  const { client, net } = await someone();
  let removed = false;
  net.fault = ({ path }) => {
    if (path.endsWith("/complete")) {
      removed = true;
      return Promise.resolve(
        Response.json({ code: "checksum_mismatch", error: "They differ, and were removed." }, { status: 409 }),
      );
    }
    // The upload is over, so no part can be signed any more.
    return removed && path.startsWith("/multipart-uploads/")
      ? Promise.resolve(Response.json({ code: "not_found", error: "No such upload." }, { status: 404 }))
      : undefined;
  };
  const file = new File([pattern(6 * MIB)], "large.bin");
  const upload = client.upload(file, { partsAbove: MIB, partSize: 5 * MIB, resume: false });
  await expect(upload).rejects.toMatchObject({ code: "checksum_mismatch", message: "They differ, and were removed." });
});

test("a file over 8 MiB in one PUT is not hashed before, and is compared after it was stored", async () => {
  const { client, net } = await someone();
  const bytes = pattern(9 * MIB);
  const file = new File([bytes], "middle.bin");
  const answering = (checksumCrc64nvme: string | null) => {
    net.fault = ({ path }, pass) =>
      path === "/save-metadata"
        ? pass().then(async (response) => {
            const answer = (await response.json()) as { file: object };
            return Response.json({ ...answer, file: { ...answer.file, checksumCrc64nvme } });
          })
        : undefined;
  };
  answering(base64(ours(bytes)));
  const stored = await client.upload(file);
  expect(stored.checksumSha256).toBeNull();
  // A server that computes none.
  answering(null);
  await client.upload(file);

  answering(base64(1n));
  await expect(client.upload(file)).rejects.toMatchObject({ code: "checksum_mismatch" });
  const removed = net.calls("DELETE", /^\/files\//);
  expect(removed).toHaveLength(1);
  expect((await client.usage()).files).toBe(2);
});

test("many files at once are never in memory at once", async () => {
  const { client } = await someone();
  let [held, most] = [0, 0];
  class Watched extends File {
    override async arrayBuffer() {
      held += this.size;
      most = Math.max(most, held);
      const bytes = await super.arrayBuffer();
      await new Promise((resolve) => setTimeout(resolve, 1));
      held -= this.size;
      return bytes;
    }
    override slice(from = 0, to = this.size): Blob {
      return new Watched([super.slice(from, to)], this.name);
    }
  }
  const files = Array.from({ length: 12 }, (_, n) => new Watched([pattern(7 * MIB)], `${n}.bin`));
  await Promise.all(files.map((file) => client.upload(file)));
  expect(most).toBeLessThanOrEqual(16 * MIB);
  expect(most).toBeGreaterThan(7 * MIB);
});
