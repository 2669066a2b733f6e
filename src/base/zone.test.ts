// The local zone from its file: held against the runtime's own knowledge of zones.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseTzif, readLocal, zoneAt } from "./zone.ts";

const places = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Europe/Dublin"];

function runtimeOffset(place: string, seconds: number): number {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: place, timeZoneName: "longOffset" }).formatToParts(seconds * 1000);
  const match = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(parts.find((part) => part.type === "timeZoneName")?.value ?? "");
  return match?.[1] === undefined ? 0 : (match[1] === "-" ? -1 : 1) * (Number(match[2]) * 3600 + Number(match[3]) * 60);
}

for (const place of places) {
  const zone = readLocal(place);
  test.skipIf(zone === undefined)(`${place} has the offset that the runtime knows, from 1980 to 2080`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 315_532_800, max: 3_471_292_800 }), (seconds) => {
        expect(zoneAt(zone!, seconds).offsetSeconds).toBe(runtimeOffset(place, seconds));
      }),
      { numRuns: 60 },
    );
  });
}

test("a POSIX rule alone changes to summer and back", () => {
  const zone = readLocal("CET-1CEST,M3.5.0,M10.5.0/3")!;
  expect(zoneAt(zone, Date.UTC(2026, 2, 29, 0, 59, 59) / 1000)).toEqual({ name: "CET", offsetSeconds: 3600 });
  expect(zoneAt(zone, Date.UTC(2026, 2, 29, 1) / 1000)).toEqual({ name: "CEST", offsetSeconds: 7200 });
  expect(zoneAt(zone, Date.UTC(2026, 9, 25, 1) / 1000)).toEqual({ name: "CET", offsetSeconds: 3600 });
});

test("the southern summer spans the new year", () => {
  const zone = readLocal("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")!;
  expect(zoneAt(zone, Date.UTC(2026, 0, 1) / 1000)).toEqual({ name: "+11", offsetSeconds: 39_600 });
  expect(zoneAt(zone, Date.UTC(2026, 6, 1) / 1000)).toEqual({ name: "+1030", offsetSeconds: 37_800 });
});

for (const bad of ["", "UTC", "No/Such_Place", "../../etc/passwd", "/etc/passwd", ",,,"]) {
  test(`no zone comes of TZ=${JSON.stringify(bad)}`, () => expect(readLocal(bad)).toBeUndefined());
}

test("bytes that are no zone file are refused", () => {
  expect(parseTzif(new Uint8Array(44))).toBeUndefined();
  expect(() => parseTzif(Uint8Array.from([0x54, 0x5a, 0x69, 0x66, 0x32]))).toThrow(RangeError);
});
