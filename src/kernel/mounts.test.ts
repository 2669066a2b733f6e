import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { closeQuietly } from "./files.ts";
import * as mounting from "./mounts.ts";
import { openNamespace, withMountNamespace } from "./namespaces.ts";
import { spawnInUserNamespace } from "./test-user-namespace.ts";
import { testDirectory } from "./test-directory.ts";
import { geteuid } from "./users.ts";

const isRoot = geteuid() === 0;
const { mounts, mount, umount2, isMountpoint } = mounting;

test("mountinfo's escapes and optional fields are read, broken lines left out", () => {
  const text =
    "36 35 98:0 /mnt1 /with\\040space\\134\\011 rw,noatime shared:1 master:2 - ext3 /dev/ro\\012ot rw,errors=continue\n" +
    "37 36 0:1 / /plain ro - tmpfs none rw\n" +
    "38 36 0:1 / /no-dash rw\n";
  expect(mounting.readMountinfo(text)).toEqual([
    {
      id: 36,
      parent: 35,
      device: "98:0",
      root: "/mnt1",
      target: "/with space\\\t",
      options: ["rw", "noatime"],
      propagation: ["shared:1", "master:2"],
      type: "ext3",
      source: "/dev/ro\not",
      superOptions: ["rw", "errors=continue"],
    },
    expect.objectContaining({ target: "/plain", propagation: [], type: "tmpfs", options: ["ro"] }),
  ]);
});

test("the root and /proc are mounts, a plain directory, file or missing name is none", () => {
  expect(mounts().map(({ target }) => target)).toEqual(expect.arrayContaining(["/", "/proc"]));
  expect([isMountpoint("/"), isMountpoint("/proc"), isMountpoint("/proc/self")]).toEqual([true, true, false]);
  expect([isMountpoint("/etc/passwd"), isMountpoint("/no/such")]).toEqual([false, false]);
});

test.skipIf(!isRoot)("a tmpfs is mounted with its options, bound read-only, and unmounted", () => {
  using directory = testDirectory();
  const { path } = directory;
  for (const one of ["one", "two"]) mkdirSync(`${path}/${one}`);
  withMountNamespace("new", () => {
    const flags = mounting.MS_NOSUID | mounting.MS_NODEV;
    mount({ source: "tmpfs", target: `${path}/one`, type: "tmpfs", flags, data: "size=64k,mode=751" });
    expect(statSync(`${path}/one`).mode & 0o777).toBe(0o751);
    expect(() => writeFileSync(`${path}/one/big`, new Uint8Array(100_000))).toThrow("ENOSPC");
    mounting.bindMount(`${path}/one`, `${path}/two`, { readOnly: true });
    expect(() => writeFileSync(`${path}/two/file`, "")).toThrow("EROFS");
    writeFileSync(`${path}/one/file`, "");
    expect(mounts().find(({ target }) => target === `${path}/two`)!.options).toEqual(
      expect.arrayContaining(["ro", "nosuid", "nodev"]),
    );
    umount2(`${path}/two`);
    expect(isMountpoint(`${path}/two`)).toBe(false);
  });
});

test.skipIf(!isRoot)("propagation is set and shown", () => {
  using directory = testDirectory();
  withMountNamespace("new", () => {
    mount({ source: "tmpfs", target: directory.path, type: "tmpfs" });
    const propagation = (): readonly string[] => mounts().find(({ target }) => target === directory.path)!.propagation;
    expect(propagation()).toEqual([]);
    mounting.setPropagation(directory.path, "shared");
    expect(propagation()).toEqual([expect.stringMatching(/^shared:\d+$/)]);
    mounting.setPropagation(directory.path, "private");
    expect(propagation()).toEqual([]);
  });
});

test.skipIf(!isRoot)("unmounting what is not mounted, and mounting on nothing, carry their errno", () => {
  using directory = testDirectory();
  expect(() => umount2(directory.path)).toThrow(expect.objectContaining({ errno: "EINVAL", code: "system.failed" }));
  const target = `${directory.path}/missing`;
  expect(() => mount({ source: "tmpfs", target, type: "tmpfs" })).toThrow(
    expect.objectContaining({ code: "system.not-found", message: `cannot mount "${target}": no such file or directory` }),
  );
  expect(() => mount({ source: "x", target: directory.path, type: "nosuchfs" })).toThrow(
    expect.objectContaining({ errno: "ENODEV" }),
  );
});

test.skipIf(!isRoot)("a wrong option is told in the kernel's own words", () => {
  const fd = mounting.fsopen("tmpfs");
  const message = `cannot set the mount option size to "huge" (tmpfs: Bad value for 'size'): invalid argument`;
  expect(() => mounting.fsconfig(fd, "size", "huge")).toThrow(expect.objectContaining({ errno: "EINVAL", message }));
  expect(() => mounting.fsconfig(fd, "nosuch", true)).toThrow("Unknown parameter 'nosuch'");
  closeQuietly(fd);
  expect(() => mounting.fsopen("nosuchfs")).toThrow(expect.objectContaining({ errno: "ENODEV" }));
});

test.skipIf(!isRoot)("owners are seen through the maps of a user namespace", async () => {
  using directory = testDirectory();
  const { path } = directory;
  for (const one of ["source", "target"]) mkdirSync(`${path}/${one}`);
  writeFileSync(`${path}/source/file`, "data");
  using child = await spawnInUserNamespace("0 100000 65536");
  const userNamespace = openNamespace("user", child.pid);
  withMountNamespace("new", () => {
    mounting.idmapMount(`${path}/source`, `${path}/target`, userNamespace);
    expect(statSync(`${path}/target/file`).uid).toBe(100_000);
    expect(statSync(`${path}/source/file`).uid).toBe(0);
    expect(readFileSync(`${path}/target/file`, "utf8")).toBe("data");
  });
  closeQuietly(userNamespace);
});
