import { expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { AT_FDCWD, close, handlePath, O_RDONLY, openat2, openDirectory } from "./files.ts";
import { testDirectory } from "./test-directory.ts";
import { geteuid } from "./users.ts";
import { getXattr, listXattrs, removeXattr, setXattr } from "./xattr.ts";

const binary = new Uint8Array([0, 1, 0xff, 0, 0x0a]);

test("a binary value is set, listed, read and removed, by path and by handle", () => {
  using directory = testDirectory();
  const path = `${directory.path}/file`;
  writeFileSync(path, "");
  const fd = openat2(AT_FDCWD, path, { flags: O_RDONLY });
  for (const target of [path, fd, new TextEncoder().encode(path)]) {
    setXattr(target, "user.coracle", binary);
    setXattr(target, "user.empty", new Uint8Array());
    expect(getXattr(target, "user.coracle")).toEqual(binary);
    expect(getXattr(target, "user.empty")).toEqual(new Uint8Array());
    expect(listXattrs(target).filter((name) => name.startsWith("user.")).sort()).toEqual(["user.coracle", "user.empty"]);
    expect(removeXattr(target, "user.coracle")).toBe(true);
    expect(removeXattr(target, "user.coracle")).toBe(false);
    expect(getXattr(target, "user.coracle")).toBeUndefined();
  }
  close(fd);
});

test("an expectation that does not hold, and a value too large, are faults with their errno", () => {
  using directory = testDirectory();
  const path = `${directory.path}/file`;
  writeFileSync(path, "");
  setXattr(path, "user.a", binary, "new");
  expect(() => setXattr(path, "user.a", binary, "new")).toThrow(expect.objectContaining({ code: "system.exists" }));
  expect(() => setXattr(path, "user.b", binary, "existing")).toThrow(expect.objectContaining({ errno: "ENODATA" }));
  expect(() => setXattr(path, "user.c", new Uint8Array(65_537))).toThrow(expect.objectContaining({ errno: "E2BIG" }));
  expect(() => getXattr(`${path}-not`, "user.a")).toThrow(expect.objectContaining({ code: "system.not-found" }));
});

test.skipIf(geteuid() !== 0)("a symbolic link's own attributes are meant, reached by a directory handle too", () => {
  using directory = testDirectory();
  writeFileSync(`${directory.path}/file`, "");
  symlinkSync("file", `${directory.path}/link`);
  const fd = openDirectory(directory.path);
  setXattr(handlePath(fd, new TextEncoder().encode("link")), "trusted.coracle", binary);
  expect(getXattr(`${directory.path}/link`, "trusted.coracle")).toEqual(binary);
  expect(getXattr(`${directory.path}/file`, "trusted.coracle")).toBeUndefined();
  close(fd);
});
