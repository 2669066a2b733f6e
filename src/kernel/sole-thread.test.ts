import { readdirSync } from "node:fs";
import { expect, test } from "bun:test";
import { alone } from "./sole-thread.ts";

test("a thread that may be needed is left alone, and nothing changes", () => {
  // The test runner has threads of other names, its pool among them.
  let entered = false;
  expect(alone(() => (entered = true, 0), "enter")).toBe(false);
  expect([entered, readdirSync("/proc/self/task").length > 1]).toEqual([false, true]);
});
