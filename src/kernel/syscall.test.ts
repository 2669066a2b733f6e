import { expect, test } from "bun:test";
import { putPath, scoped, take } from "./arena.ts";
import { errnoName, errnoNumber } from "./errno.ts";
import { openDirectory, tryOpenat2 } from "./files.ts";
import { call, check } from "./syscall.ts";
import { geteuid } from "./users.ts";

test("a call gives the kernel's own answer", () => {
  expect(call("getpid")).toBe(process.pid);
});

test("a failed call gives -errno", () => {
  expect(call("close", -1)).toBe(-9);
  expect(tryOpenat2(-100, "/no/such", { flags: 0 })).toBe(-2);
});

test("all six arguments arrive", () => {
  const address = call("mmap", 0, 4096, 3, 0x22, -1, 0);
  expect(address).toBeGreaterThan(4096);
  expect(call("munmap", address, 4096)).toBe(0);
  expect(call("mmap", 0, 4096, 3, 0x2, -1, 0)).toBe(-9);
  expect(call("mmap", 0, 4096, 3, 0x22, -1, 1)).toBe(-22);
});

test("a fault carries attempt, value, reason, errno and code", () => {
  expect(() => openDirectory("/no/such")).toThrow(
    expect.objectContaining({
      code: "system.not-found",
      errno: "ENOENT",
      message: 'cannot open directory "/no/such": no such file or directory',
    }),
  );
});

for (const [number, errno, code] of [
  [13, "EACCES", "system.denied"],
  [1, "EPERM", "system.denied"],
  [17, "EEXIST", "system.exists"],
  [28, "ENOSPC", "system.no-space"],
  [22, "EINVAL", "system.failed"],
] as const) {
  test(`errno ${number} is ${errno} and the fault ${code}`, () => {
    expect(() => check(-number, "try")).toThrow(expect.objectContaining({ errno, code }));
    expect(errnoNumber(errno)).toBe(number);
  });
}

test("an errno without a name is told by its number", () => {
  expect(errnoName(4095)).toBe("E4095");
  expect(errnoNumber("ENOSUCHNAME")).toBeUndefined();
});

test("control characters of a name do not reach the terminal", () => {
  expect(() => openDirectory("/no\n\x1b[31m")).toThrow('"/no\\x0a\\x1b[31m"');
});

test("a path with a NUL byte is refused as text and as bytes", () => {
  for (const path of ["/tmp\0/x", new Uint8Array([47, 0, 47])]) {
    expect(() => openDirectory(path)).toThrow(expect.objectContaining({ code: "input.malformed" }));
  }
});

test("the arena gives back what a scope took, also after a throw, and refuses to overflow", () => {
  const first = scoped(() => take(8));
  expect(() => scoped(() => take(2 * 1024 * 1024))).toThrow(expect.objectContaining({ errno: "E2BIG" }));
  expect(() => scoped(() => take(-1))).toThrow(expect.objectContaining({ errno: "E2BIG" }));
  expect(() => openDirectory("x".repeat(2_000_000))).toThrow(expect.objectContaining({ errno: "E2BIG" }));
  expect(scoped(() => take(8))).toBe(first);
});

test("nested scopes do not share memory, and taken memory is zeroed", () => {
  scoped(({ bytes, base }) => {
    const outer = putPath("outer") - base;
    scoped(() => putPath("inner and longer"));
    expect(new TextDecoder().decode(bytes.subarray(outer, outer + 5))).toBe("outer");
    const after = take(32);
    expect(bytes.subarray(after, after + 32).every((byte) => byte === 0)).toBe(true);
  });
});

test("a worker has a door of its own", async () => {
  const source = `import { geteuid } from "${import.meta.dir}/users.ts"; postMessage(geteuid());`;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "application/typescript" })));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  worker.onmessage = (event: MessageEvent<number>) => resolve(event.data);
  worker.onerror = reject;
  expect(await promise).toBe(geteuid());
  worker.terminate();
});
