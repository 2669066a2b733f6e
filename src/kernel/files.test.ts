import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import * as files from "./files.ts";
import { testDirectory } from "./test-directory.ts";
import { geteuid } from "./users.ts";

const isRoot = geteuid() === 0;
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const badName = new Uint8Array([0x66, 0xff, 0xfe, 0x2f ^ 0x4f, 0x80]);

function put(dirfd: number, path: string | Uint8Array, text: string, resolve = 0): void {
  const how = { flags: files.O_WRONLY | files.O_CREAT | files.O_TRUNC, mode: 0o644, resolve };
  const fd = files.openat2(dirfd, path, how);
  files.writeAll(fd, bytes(text));
  files.close(fd);
}

test("names that are not UTF-8 are made, listed, looked at, renamed and removed byte for byte", () => {
  using directory = testDirectory();
  const fd = files.openDirectory(directory.path);
  put(fd, badName, "data");
  expect(files.readDirectory(fd)).toEqual([{ name: badName, type: "file" }]);
  expect(files.statx(fd, badName).size).toBe(4);
  const other = new Uint8Array([0xc3, 0x28]);
  files.renameat2({ dirfd: fd, path: badName }, { dirfd: fd, path: other });
  files.symlinkat(badName, fd, "link");
  expect(files.readlinkat(fd, "link")).toEqual(badName);
  expect(files.findStat(fd, badName)).toBeUndefined();
  files.unlinkat(fd, other);
  expect(files.readDirectory(fd).map((entry) => entry.type)).toEqual(["symlink"]);
  files.close(fd);
});

const escapes: [name: string, target: string][] = [
  ["absolute", "/"],
  ["upwards", "../../../../../../../.."],
  ["beside", "../outside"],
];

for (const [name, target] of escapes) {
  test(`RESOLVE_IN_ROOT holds a write through the symbolic link ${name} -> ${target}`, () => {
    using directory = testDirectory();
    mkdirSync(`${directory.path}/root`);
    mkdirSync(`${directory.path}/outside`);
    writeFileSync(`${directory.path}/outside/file`, "untouched");
    const root = files.openDirectory(`${directory.path}/root`);
    symlinkSync(target, `${directory.path}/root/${name}`);
    const outside = `${name}${target.startsWith("../o") ? "" : `${directory.path}/outside`}/file`;
    // Without confinement the link does lead out, so the test can fail.
    const leak = files.openat2(root, outside, { flags: files.O_RDONLY });
    files.close(leak);
    const how = { flags: files.O_WRONLY | files.O_CREAT, mode: 0o600, resolve: files.RESOLVE_IN_ROOT };
    expect(files.tryOpenat2(root, outside, how)).toBe(-2);
    expect(files.tryOpenat2(root, outside, { ...how, resolve: files.RESOLVE_BENEATH })).toBeLessThan(0);
    expect(readFileSync(`${directory.path}/outside/file`, "utf8")).toBe("untouched");
    files.close(root);
  });
}

test("RESOLVE_IN_ROOT takes an absolute path and .. for the root's own", () => {
  using directory = testDirectory();
  const root = files.openDirectory(directory.path);
  for (const path of ["/etc-of-the-root", "../../etc-of-the-root", "/../etc-of-the-root"]) {
    put(root, path, path, files.RESOLVE_IN_ROOT);
    expect(readFileSync(`${directory.path}/etc-of-the-root`, "utf8")).toBe(path);
  }
  expect(existsSync("/etc-of-the-root")).toBe(false);
  files.close(root);
});

test("RESOLVE_NO_MAGICLINKS refuses the way out through /proc/self/root", () => {
  const proc = files.openDirectory("/proc/self");
  expect(files.tryOpenat2(proc, "root/etc", { flags: files.O_RDONLY })).toBeGreaterThan(0);
  const resolve = files.RESOLVE_NO_MAGICLINKS;
  expect(files.tryOpenat2(proc, "root/etc", { flags: files.O_RDONLY, resolve })).toBe(-40);
  files.close(proc);
});

test("handles are closed on exec unless made inheritable", () => {
  const fd = files.openDirectory("/");
  const flags = (): number => parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8);
  expect(flags() & files.O_CLOEXEC).toBe(files.O_CLOEXEC);
  files.setInheritable(fd, true);
  expect(flags() & files.O_CLOEXEC).toBe(0);
  files.close(fd);
  expect(() => files.close(fd)).toThrow(expect.objectContaining({ errno: "EBADF" }));
});

test("times are kept to the nanosecond, before 1970 too, and of a symbolic link itself", () => {
  using directory = testDirectory();
  const fd = files.openDirectory(directory.path);
  put(fd, "file", "x");
  files.symlinkat("file", fd, "link");
  files.utimensat(fd, "file", { mtime: -1n });
  expect(files.statx(fd, "file").mtime).toEqual({ sec: -1, nsec: 999_999_999 });
  files.utimensat(fd, "link", { mtime: 1_234_567_890_123_456_789n, atime: { sec: 5, nsec: 6 } });
  expect(files.statx(fd, "link").mtime).toEqual({ sec: 1_234_567_890, nsec: 123_456_789 });
  expect(files.statx(fd, "link").atime).toEqual({ sec: 5, nsec: 6 });
  expect(files.statx(fd, "link", true).mtime.sec).toBe(-1);
  files.utimensat(fd, "file", { atime: "now", mtime: "keep" });
  expect(files.statx(fd, "file").mtime.sec).toBe(-1);
  expect(files.statx(fd, "file").atime.sec).toBeGreaterThan(1_700_000_000);
  files.close(fd);
});

test("a mode is set on what the path names, never through a symbolic link", () => {
  using directory = testDirectory();
  const fd = files.openDirectory(directory.path);
  put(fd, "file", "x");
  files.symlinkat("file", fd, "link");
  files.fchmodat(fd, "file", 0o6751);
  expect(files.statx(fd, "file").mode & 0o7777).toBe(0o6751);
  expect(() => files.fchmodat(fd, "link", 0o777)).toThrow(expect.objectContaining({ errno: "EOPNOTSUPP" }));
  expect(files.statx(fd, "file").mode & 0o7777).toBe(0o6751);
  files.close(fd);
});

test.skipIf(!isRoot)("devices, fifos and owners beyond 2^21 are made as told", () => {
  using directory = testDirectory();
  const fd = files.openDirectory(directory.path);
  files.mknodat(fd, "device", 0o020640, { major: 259, minor: 70_000 });
  files.mknodat(fd, "whiteout", 0o020000, { major: 0, minor: 0 });
  files.mknodat(fd, "fifo", 0o010600);
  files.fchownat(fd, "fifo", { uid: 4_000_000_000, gid: 3_000_000 });
  expect(files.statx(fd, "device").rdev).toEqual({ major: 259, minor: 70_000 });
  expect(files.statx(fd, "whiteout").rdev).toEqual({ major: 0, minor: 0 });
  expect(files.statx(fd, "fifo")).toMatchObject({ uid: 4_000_000_000, gid: 3_000_000 });
  const types = Object.fromEntries(
    files.readDirectory(fd).map(({ name, type }) => [new TextDecoder().decode(name), type]),
  );
  expect(types).toEqual({ device: "character", whiteout: "character", fifo: "fifo" });
  files.close(fd);
});

test("a hard link shares the file; a rename can refuse to replace", () => {
  using directory = testDirectory();
  const dirfd = files.openDirectory(directory.path);
  put(dirfd, "one", "1");
  put(dirfd, "two", "2");
  files.linkat({ dirfd, path: "one" }, { dirfd, path: "three" });
  expect(files.statx(dirfd, "three")).toMatchObject({ nlink: 2, ino: files.statx(dirfd, "one").ino });
  const rename = (): void => files.renameat2({ dirfd, path: "one" }, { dirfd, path: "two" }, files.RENAME_NOREPLACE);
  expect(rename).toThrow(expect.objectContaining({ code: "system.exists" }));
  files.mkdirat(dirfd, "directory", 0o700);
  expect(() => files.unlinkat(dirfd, "directory")).toThrow(expect.objectContaining({ errno: "EISDIR" }));
  files.unlinkat(dirfd, "directory", true);
  files.close(dirfd);
});

test("a directory of many entries is listed whole, twice", () => {
  using directory = testDirectory();
  const fd = files.openDirectory(directory.path);
  for (let index = 0; index < 3000; index++) files.mknodat(fd, `entry-with-a-rather-long-name-${index}`, 0o100600);
  for (const _ of [1, 2]) expect(new Set(files.readDirectory(fd).map(({ name }) => String(name))).size).toBe(3000);
  files.close(fd);
});

test("file data is copied in the kernel, positions are kept apart", () => {
  const [from, to] = [files.memfd("from"), files.memfd("to")];
  files.writeAll(from, bytes("0123456789"));
  expect(files.copyFileRange({ from, to, bytes: 4, fromPosition: 3, toPosition: 1 })).toBe(4);
  const got = new Uint8Array(8);
  expect(files.readInto(to, got, 0)).toBe(5);
  expect(got.subarray(0, 5)).toEqual(bytes("\x003456"));
  expect(files.copyFileRange({ from, to, bytes: 4, fromPosition: 10 })).toBe(0);
  files.fsync(to);
  files.syncfs(to);
  files.close(from);
  files.close(to);
});

test("a hole is found and made, space is allocated", () => {
  using directory = testDirectory();
  const dirfd = files.openDirectory(directory.path);
  const fd = files.openat2(dirfd, "sparse", { flags: files.O_RDWR | files.O_CREAT, mode: 0o600 });
  files.ftruncate(fd, 1 << 20);
  files.writeAll(fd, bytes("x"), 1 << 19);
  expect(files.lseek(fd, 0, 3)).toBe(1 << 19);
  expect(files.lseek(fd, (1 << 19) + 4096, 3)).toBe(-1);
  files.fallocate(fd, { offset: 0, bytes: 1 << 20 });
  expect(files.fstat(fd).blocks).toBeGreaterThanOrEqual(2048);
  files.close(fd);
  files.close(dirfd);
});

test("a pipe carries more than it holds when its reader comes, and reading stops at a bound", async () => {
  const [reading, writing] = files.pipe2({ nonBlocking: true });
  const child = Bun.spawn(["cat"], { stdin: reading, stdout: "pipe" });
  files.writeAll(writing, new Uint8Array(300_000).fill(65));
  files.close(writing);
  files.close(reading);
  expect((await new Response(child.stdout).text()).length).toBe(300_000);
  const fd = files.openat2(files.AT_FDCWD, "/dev/zero", { flags: files.O_RDONLY });
  expect(() => files.readAll(fd, 100_000)).toThrow(expect.objectContaining({ code: "input.too-large" }));
  files.close(fd);
});

test("a directory whose trees are to be spread carries ext4's flag; other file systems are left as they are", () => {
  using directory = testDirectory();
  for (const path of [directory.path, "/proc"]) {
    const fd = files.openDirectory(path);
    files.spreadChildren(fd);
    files.close(fd);
  }
  const isExt = statfsSync(directory.path).type === 0xef53;
  if (isExt && Bun.which("lsattr")) expect(Bun.spawnSync(["lsattr", "-d", directory.path]).stdout.toString().split(" ")[0]).toContain("T");
});
