import { expect, test } from "bun:test";
import { delayBefore, pause, retryAfterMs, retryDefaults } from "./retry.ts";

test("the wait doubles and has a ceiling", () => {
  const policy = { attemptsMax: 9, delayMs: 100, delayMaxMs: 350 };
  expect([2, 3, 4, 5].map(next => delayBefore(next, policy))).toEqual([100, 200, 350, 350]);
});

test("Retry-After comes first, within the ceiling", () => {
  const nowMs = Date.parse("2026-11-23T21:00:00Z");
  expect(delayBefore(2, retryDefaults, "7", nowMs)).toBe(7000);
  expect(delayBefore(2, retryDefaults, "Mon, 23 Nov 2026 21:00:09 GMT", nowMs)).toBe(9000);
  expect(delayBefore(2, retryDefaults, "86400", nowMs)).toBe(60_000);
});

for (const header of ["soon", "-1", "1.5", "Mon, 23 Nov 2026 20:00:00 GMT", "99999999999999"]) {
  test(`Retry-After "${header}" says nothing`, () => {
    expect(retryAfterMs(header, Date.parse("2026-11-23T21:00:00Z"))).toBeUndefined();
  });
}

test("waiting ends with the signal", async () => {
  await expect(pause(60_000, AbortSignal.timeout(5))).rejects.toMatchObject({ name: "TimeoutError" });
});
