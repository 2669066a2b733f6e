// Points in time in Go's layouts.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ansic, goTimeString, momentMs, nowNs, parseRfc3339, rfc3339, rfc3339Nano } from "./time.ts";

const moment = 1_795_467_748_123_456_789n;

test("a moment in UTC in every layout", () => {
  expect(rfc3339Nano(moment, "utc")).toBe("2026-11-23T21:02:28.123456789Z");
  expect(rfc3339(moment, "utc")).toBe("2026-11-23T21:02:28Z");
  expect(goTimeString(moment, "utc")).toBe("2026-11-23 21:02:28.123456789 +0000 UTC");
  expect(ansic(moment, "utc")).toBe("Mon Nov 23 21:02:28 2026");
});

test("trailing zeros of the fraction go, a whole second has none", () => {
  expect(rfc3339Nano(1500, "utc")).toBe("1970-01-01T00:00:01.5Z");
  expect(goTimeString(0, "utc")).toBe("1970-01-01 00:00:00 +0000 UTC");
  expect(ansic(0, "utc")).toBe("Thu Jan  1 00:00:00 1970");
});

test("before 1970 the fraction still counts upward", () => {
  expect(rfc3339Nano(-500_000_000n, "utc")).toBe("1969-12-31T23:59:59.5Z");
});

test("what is printed reads back to the nanosecond", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), (ns) => {
      expect(parseRfc3339(rfc3339Nano(ns, "utc"))).toBe(ns);
    }),
  );
});

test("an offset is taken into account", () => expect(parseRfc3339("1970-01-01T02:00:00+02:00")).toBe(0n));

for (const bad of ["", "2026", "2026-11-23", "2026-13-23T00:00:00Z", "yesterday", "2026-11-23T21:02:28"]) {
  test(`${JSON.stringify(bad)} is no moment`, () => expect(parseRfc3339(bad)).toBeUndefined());
}

test("now is now", () => expect(Math.abs(momentMs(nowNs()) - Date.now())).toBeLessThan(1000));
