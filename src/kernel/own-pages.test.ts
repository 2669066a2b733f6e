import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { releaseOwnCode } from "./own-pages.ts";

const mappedKibibytes = (): number => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))![1]);

test("code that has run is let go, and comes back when it is needed", () => {
  const before = mappedKibibytes();
  releaseOwnCode();
  expect(mappedKibibytes()).toBeLessThan(before * 0.7);
  expect(JSON.parse(JSON.stringify({ still: ["here", 1.5, null] }))).toEqual({ still: ["here", 1.5, null] });
  expect(new Date(0).toISOString()).toBe("1970-01-01T00:00:00.000Z");
});
