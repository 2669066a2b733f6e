import { expect, test } from "bun:test";
import { AT_FDCWD, close, O_RDWR, openat2 } from "./files.ts";
import { flock, lockFile, lockRange, unlock, unlockRange } from "./locks.ts";
import { testDirectory } from "./test-directory.ts";

test("a held lock keeps others out until its scope ends", () => {
  using directory = testDirectory();
  const path = `${directory.path}/lock`;
  {
    using held = lockFile(path, { exclusive: true, wait: true });
    expect(held).toBeDefined();
    expect(lockFile(path, { exclusive: true, wait: false })).toBeUndefined();
    expect(lockFile(path, { exclusive: false, wait: false })).toBeUndefined();
  }
  using again = lockFile(path, { exclusive: true, wait: false });
  expect(again).toBeDefined();
});

test("shared locks go together, and a lock freed by kill -9 can be waited for", async () => {
  using directory = testDirectory();
  const path = `${directory.path}/lock`;
  using first = lockFile(path, { exclusive: false, wait: true });
  using second = lockFile(path, { exclusive: false, wait: false });
  expect(second).toBeDefined();
  first!.release();
  second!.release();
  const child = Bun.spawn(["flock", path, "sh", "-c", "echo locked; exec sleep 60"], { stdout: "pipe", detached: true });
  await child.stdout.getReader().read();
  expect(lockFile(path, { exclusive: true, wait: false })).toBeUndefined();
  process.kill(-child.pid, "SIGKILL");
  using third = lockFile(path, { exclusive: true, wait: true });
  expect(third).toBeDefined();
});

test("ranges of one file are locked apart", () => {
  using directory = testDirectory();
  const path = `${directory.path}/lock`;
  lockFile(path, { exclusive: true, wait: true })!.release();
  const one = openat2(AT_FDCWD, path, { flags: O_RDWR });
  const two = openat2(AT_FDCWD, path, { flags: O_RDWR });
  const now = { exclusive: true, wait: false };
  expect(lockRange(one, { start: 0, length: 1 }, now)).toBe(true);
  expect(lockRange(two, { start: 0, length: 1 }, now)).toBe(false);
  expect(lockRange(two, { start: 1, length: 1 }, now)).toBe(true);
  unlockRange(one, { start: 0, length: 1 });
  expect(lockRange(two, { start: 0, length: 1 }, now)).toBe(true);
  expect(flock(one, now)).toBe(true);
  expect(flock(two, now)).toBe(false);
  unlock(one);
  expect(flock(two, now)).toBe(true);
  close(one);
  close(two);
});
