import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFile } from "../../kernel/locks.ts";
import { withLockFile } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "coracle-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("who waits longest is served first, and the event loop goes on meanwhile", async () => {
  const path = join(folder, "fair");
  const held = lockFile(path, { exclusive: true, wait: false })!;
  const served: number[] = [];
  const waiting = [];
  for (let number = 0; number < 8; number++) {
    waiting.push(withLockFile(path, async () => {
      served.push(number);
      await Bun.sleep(5);
    }));
    await Bun.sleep(60);
  }
  expect(served).toEqual([]);
  held.release();
  await Promise.all(waiting);
  expect(served).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("whoever got the lock of a file that is gone waits for the one that is there", async () => {
  const path = join(folder, "gone");
  const old = lockFile(path, { exclusive: true, wait: false })!;
  const events: string[] = [];
  const waiting = withLockFile(path, async () => void events.push("served"));
  await Bun.sleep(60);
  unlinkSync(path);
  const fresh = lockFile(path, { exclusive: true, wait: false })!;
  old.release();
  await Bun.sleep(60);
  events.push("released");
  fresh.release();
  await waiting;
  expect(events).toEqual(["released", "served"]);
});
