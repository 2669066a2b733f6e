import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { putPath, scoped } from "./arena.ts";
import { before, inChild } from "./brief-child.ts";
import { AT_FDCWD } from "./files.ts";
import { testDirectory } from "./test-directory.ts";

const handles = (): number => readdirSync("/proc/self/fd").length;

test.if(process.arch === "x64")("a child makes its calls in their order, one with the result of the one before, and its handles end with it", () => {
  using directory = testDirectory();
  const open = handles();
  for (let count = 0; count < 3; count++) {
    scoped(() => expect(inChild(0, [
      ["open_tree", AT_FDCWD, putPath(directory.path), 0],
      ["mkdirat", before, putPath(`inside-${count}`), 0o755],
    ], "try a child")).toBe(true));
  }
  expect(readdirSync(directory.path).sort()).toEqual(["inside-0", "inside-1", "inside-2"]);
  expect(handles()).toBe(open);
});

test.if(process.arch === "x64")("the first call that fails is the last, and its reason is told", () => {
  using directory = testDirectory();
  const make = (name: string): number => putPath(`${directory.path}/${name}`);
  expect(() => scoped(() => inChild(0, [
    ["mkdirat", AT_FDCWD, make("one"), 0o755], ["mkdirat", AT_FDCWD, make("no/such"), 0o755], ["mkdirat", AT_FDCWD, make("two"), 0o755],
  ], "try a child"))).toThrow(expect.objectContaining({ message: "cannot try a child: no such file or directory", errno: "ENOENT" }));
  expect([existsSync(`${directory.path}/one`), existsSync(`${directory.path}/two`)]).toEqual([true, false]);
});

test.if(process.arch === "x64")("children that the runtime watches, and signals that come meanwhile, are no hindrance", async () => {
  const watched = Bun.spawn(["sh", "-c", "sleep 0.05; exit 7"]);
  let heard = 0;
  const listener = (): void => void heard++;
  process.on("SIGUSR1", listener);
  for (let count = 0; count < 200; count++) {
    process.kill(process.pid, "SIGUSR1");
    scoped(() => inChild(0, [["getpid"]], "try a child"));
  }
  expect(await watched.exited).toBe(7);
  await Bun.sleep(20);
  process.off("SIGUSR1", listener);
  expect(heard).toBeGreaterThan(0);
});
