// Lengths of time, by cases of Go's time package and go-units.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { goDuration, humanDuration, parseGoDuration } from "./duration.ts";

for (const [written, ns] of [
  ["0", 0], ["5s", 5e9], ["30s", 30e9], ["1478s", 1478e9], ["-5s", -5e9], ["+5s", 5e9], ["5.0s", 5e9], [".5s", 5e8], ["1.004s", 1_004_000_000],
  ["10ns", 10], ["11us", 11e3], ["12µs", 12e3], ["13ms", 13e6], ["3h30m", 12_600e9], ["10.5s4m", 250.5e9], ["1h0m0.5s", 3600.5e9],
] as const) {
  test(`"${written}" is ${ns} ns`, () => expect(parseGoDuration(written)).toBe(ns));
}

for (const [bad, why] of [
  ["", 'time: invalid duration ""'], ["3", 'time: missing unit in duration "3"'], ["-", 'time: invalid duration "-"'],
  ["s", 'time: invalid duration "s"'], [".", 'time: invalid duration "."'], ["1d", 'time: unknown unit "d" in duration "1d"'],
  ["9999999999h", 'time: invalid duration "9999999999h"'],
] as const) {
  test(`"${bad}" is refused in Go's words`, () => expect(() => parseGoDuration(bad)).toThrow(why));
}

for (const [ns, shown] of [
  [0, "0s"], [1, "1ns"], [1100, "1.1µs"], [2_200_000, "2.2ms"], [3_300_000_000, "3.3s"], [245e9, "4m5s"], [245_001_000_000, "4m5.001s"],
  [18_367_001_000_000, "5h6m7.001s"], [480_000_000_001, "8m0.000000001s"], [3600e9, "1h0m0s"], [-90e9, "-1m30s"],
] as const) {
  test(`${ns} ns print as ${shown}`, () => expect(goDuration(ns)).toBe(shown));
}

test("what is printed reads back", () => {
  fc.assert(fc.property(fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), (ns) => expect(parseGoDuration(goDuration(ns))).toBe(ns)));
});

for (const [seconds, shown] of [
  [0.4, "Less than a second"], [1, "1 second"], [45, "45 seconds"], [60, "About a minute"], [185, "3 minutes"], [3600, "About an hour"],
  [3 * 3600, "3 hours"], [47 * 3600, "47 hours"], [48 * 3600, "2 days"], [14 * 86_400, "2 weeks"], [60 * 86_400, "2 months"],
  [2 * 365 * 86_400, "2 years"],
] as const) {
  test(`${seconds} s are "${shown}"`, () => expect(humanDuration(seconds * 1000)).toBe(shown));
}
