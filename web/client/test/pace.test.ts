/** How the speed is measured, and how it decides on the size and number of parts. */
import { afterEach, expect, test, vi } from "vitest";
import { Pace } from "../src/pace.ts";
import { Rate } from "../src/rate.ts";

const MIB = 1024 * 1024;

afterEach(() => vi.useRealTimers());

/** A pace after ten seconds at `speed` bytes per second. */
function at(speed: number): Pace {
  vi.useFakeTimers({ now: 1_000_000 });
  const pace = new Pace();
  const end = pace.begin();
  for (let tenths = 0; tenths < 100; tenths++) {
    vi.advanceTimersByTime(100);
    pace.sent(speed / 10);
  }
  end();
  return pace;
}

test("a slow connection gets small parts, one after another", () => {
  const slow = at(100_000);
  expect(slow.parallel()).toBe(1);
  expect(slow.partSize(200 * MIB)).toBe(5 * MIB);
});

test("a fast connection gets large parts, several at once", () => {
  const fast = at(50 * MIB);
  expect(fast.parallel()).toBeGreaterThanOrEqual(4);
  expect(fast.partSize(200 * MIB)).toBe(16 * MIB);
});

test("10,000 parts are enough for every file", () => {
  for (const speed of [100_000, 50 * MIB]) {
    const size = 1024 ** 4;
    expect(Math.ceil(size / at(speed).partSize(size))).toBeLessThanOrEqual(10_000);
  }
});

test("time without an upload does not lower the speed", () => {
  const pace = at(50 * MIB);
  vi.advanceTimersByTime(3_600_000);
  const end = pace.begin();
  vi.advanceTimersByTime(1_000);
  pace.sent(50 * MIB);
  end();
  expect(pace.parallel()).toBeGreaterThanOrEqual(4);
});

test("the rate covers the last seconds, without bytes that were sent again", () => {
  const rate = new Rate();
  expect(rate.perSecond).toBe(0);
  for (let s = 0; s <= 20; s++) rate.sample(s < 10 ? s * 100 : 1000 + (s - 10) * 500, s * 1000);
  expect(rate.perSecond).toBeCloseTo(500);
  rate.sample(3000, 21_000);
  expect(rate.perSecond).toBe(0);
  rate.sample(3200, 23_000);
  expect(rate.perSecond).toBeCloseTo(100);
});
