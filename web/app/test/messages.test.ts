/** What is said about failures, retries, links and deletes. */
import { type QueuedUpload, type QueueSnapshot, SlipwayError } from "@slipway/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Failures } from "../src/failures.ts";
import { Held } from "../src/held.ts";
import { Movement } from "../src/movement.ts";
import { copy } from "../src/share.ts";
import type { Said } from "../src/toasts.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("sixty refused files are one message, and later ones join it", () => {
  const shown: string[] = [];
  const say = (message: string): Said => {
    const at = shown.push(message) - 1;
    const change = (words: string) => {
      shown[at] = words;
    };
    return { isOpen: true, change, hide: () => {} };
  };
  const failures = new Failures(say, ({ error }) => error?.message ?? "");
  const refused = (name: string, why: string) => failures.add({ name, error: new Error(why) } as QueuedUpload);
  for (let n = 0; n < 60; n++) refused(`${n}.exe`, "Not accepted here.");
  vi.advanceTimersByTime(1_000);
  expect(shown).toEqual(["60 files not uploaded. Not accepted here."]);
  refused("big.bin", "Too large.");
  vi.advanceTimersByTime(1_000);
  expect(shown).toEqual(["61 files not uploaded. The list of uploads says why."]);
});

test("one refused file has its name and its reason", () => {
  const say = vi.fn(() => ({ isOpen: true, change: () => {}, hide: () => {} }));
  new Failures(say, () => "Too large.").add({ name: "big.bin" } as QueuedUpload);
  vi.advanceTimersByTime(1_000);
  expect(say).toHaveBeenCalledWith("“\u2068big.bin\u2069”: Too large.", expect.anything());
});

const snapshot = (sent: number, trouble?: QueueSnapshot["trouble"]): QueueSnapshot => ({
  uploads: [],
  totals: { waiting: 0, uploading: 1, paused: 0, failed: 0, done: 0, size: 100, sent, speed: 5 },
  trouble,
});

test("bytes that are sent and not confirmed are not a standstill for a minute", () => {
  const movement = new Movement();
  const upload = { key: 1, name: "a", size: 100, sent: 100, resumed: 0, state: "uploading" } as QueuedUpload;
  const sent = { ...snapshot(100), uploads: [upload] };
  expect(movement.trouble(sent, true, 0)).toBeUndefined();
  expect(movement.trouble(sent, true, 59_000)).toBeUndefined();
  expect(movement.trouble(sent, true, 61_000)).toContain("Nothing has moved");
});

test("a standstill is reported at once if its cause is known, else after seconds", () => {
  const movement = new Movement();
  expect(movement.trouble(snapshot(1), true, 0)).toBeUndefined();
  expect(movement.trouble(snapshot(1), false, 10)).toContain("You are offline");
  expect(movement.trouble(snapshot(1), true, 3_000)).toBeUndefined();
  expect(movement.trouble(snapshot(1), true, 5_000)).toContain("Nothing has moved for 5 sec");
  expect(movement.trouble(snapshot(2), true, 6_000)).toBeUndefined();
  const error = new SlipwayError("network", "S3 cannot be reached.");
  const trouble = movement.trouble(snapshot(2, { attempt: 3, attempts: 8, error, pauseMs: 1 }), true, 6_100);
  expect(trouble).toBe("S3 cannot be reached. Attempt 3 of 8 failed, trying again.");
});

test("a missing CORS rule is named", () => {
  const error = new SlipwayError("cors", "S3 is reachable, but its CORS rule does not allow https://a.example.");
  const trouble = { attempt: 1, attempts: 3, error, pauseMs: 1 };
  expect(new Movement().trouble(snapshot(0, trouble), true, 0)).toContain("CORS rule does not allow https://a.example");
});

test("nothing is reported while the queue is idle", () => {
  const { totals } = snapshot(5);
  const idle = { ...snapshot(5), totals: { ...totals, uploading: 0, done: 1 } };
  expect(new Movement().trouble(idle, false, 60_000)).toBeUndefined();
});

test("a link is copied in the moment of the click: Safari refuses it later", async () => {
  const write = vi.fn(async (items: { text: Promise<Blob> }[]) => void (await items[0]?.text));
  vi.stubGlobal("navigator", { clipboard: { write } });
  vi.stubGlobal(
    "ClipboardItem",
    class {
      text: Promise<Blob>;
      constructor(types: Record<string, Promise<Blob>>) {
        this.text = types["text/plain"] as Promise<Blob>;
      }
    },
  );
  let answer = (_: string) => {};
  const copied = copy(new Promise((resolve) => (answer = resolve)));
  expect(write).toHaveBeenCalledTimes(1);
  answer("https://s3.example/x");
  await copied;
  expect(await (await write.mock.calls[0]?.[0][0]?.text)?.text()).toBe("https://s3.example/x");
});

test("a link that cannot be made is an error, and a browser without ClipboardItem writes it afterwards", async () => {
  vi.stubGlobal("ClipboardItem", undefined);
  const writeText = vi.fn(async () => {});
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  await copy(Promise.resolve("x"));
  expect(writeText).toHaveBeenCalledWith("x");
  await expect(copy(Promise.reject(new Error("offline")))).rejects.toThrow("offline");
});

test("a delete is run or undone, never both, when its message ends", async () => {
  const held = new Held();
  const work = vi.fn(async () => {});
  const back = vi.fn();
  const hold = held.hold(work, back);
  vi.advanceTimersByTime(3_600_000);
  expect(work).not.toHaveBeenCalled();
  expect(held.last).toBe(hold);
  expect(hold.undo()).toBe(true);
  await hold.run();
  expect([work.mock.calls.length, back.mock.calls.length, held.last]).toEqual([0, 1, undefined]);
  const other = held.hold(work, back);
  await held.flush();
  expect(other.undo()).toBe(false);
  expect([work.mock.calls.length, back.mock.calls.length]).toEqual([1, 1]);
  // The message goes with it.
  await other.over;
});
