// Users and groups as a container's own files have them, however hostile the image.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { mknodat } from "../kernel/files.ts";
import { AT_FDCWD } from "../kernel/files.ts";
import { identityOf, readInside } from "./identity.ts";

const place = mkdtempSync("/tmp/coracle-identity-");
const root = `${place}/root`;
const passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:100::/home/ann:/bin/sh\nbob:x:7:7::/\nbroken\nodd:x:x:1::/:\n42:x:4242:1::/named:\nbig:x:4294967296:1::/:\n";
const group = "root:x:0:root,ann\nusers:x:100:\nwheel:x:10:root,ann\nbad:x::ann\nlarge:x:99999999999:ann\n";

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(`${root}/etc`, { recursive: true });
  writeFileSync(`${root}/etc/passwd`, passwd);
  writeFileSync(`${root}/etc/group`, group);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

const cases: [written: string, extra: string[], uid: number, gid: number, others: number[], home: string][] = [
  ["", [], 0, 0, [0, 10], "/root"],
  ["root", [], 0, 0, [0, 10], "/root"],
  ["0", [], 0, 0, [0, 10], "/root"],
  ["ann", [], 1000, 100, [0, 10, 100], "/home/ann"],
  ["1000", [], 1000, 100, [0, 10, 100], "/home/ann"],
  ["ann:wheel", [], 1000, 10, [10], "/home/ann"],
  ["ann:5", [], 1000, 5, [5], "/home/ann"],
  ["ann", ["users", "77"], 1000, 100, [0, 10, 77, 100], "/home/ann"],
  ["ann", ["keep-groups"], 1000, 100, [0, 10, 100], "/home/ann"],
  ["bob", [], 7, 7, [7], "/"],
  ["31337", [], 31337, 0, [0], "/"],
  ["31337:users", [], 31337, 100, [100], "/"],
  ["42", [], 4242, 1, [1], "/named"],
  [":wheel", [], 0, 10, [10], "/root"],
];
for (const [written, extra, uid, gid, additionalGids, home] of cases) {
  test(`--user ${JSON.stringify(written)} with groups ${JSON.stringify(extra)}`, () => {
    expect(identityOf(root, written, { groups: extra })).toMatchObject({ uid, gid, additionalGids, home });
  });
}

for (const [written, reason] of [
  ["carl", "unable to find user carl: no matching entries in passwd file"],
  ["ann:staff", "unable to find group staff: no matching entries in group file"],
  ["-1", "unable to find user -1"],
  ["odd", "unable to find user odd"],
  ["4294967295", "uids and gids must be in range 0-2147483647"],
  ["ann:2147483648", "uids and gids must be in range"],
  ["big", "uids and gids must be in range"],
] as const) {
  test(`--user ${written} is refused`, () => {
    expect(() => identityOf(root, written)).toThrow(expect.objectContaining({ message: expect.stringContaining(reason) }));
  });
}

test("an image without accounts has root and numbers", () => {
  rmSync(`${root}/etc`, { recursive: true });
  expect(identityOf(root)).toMatchObject({ uid: 0, gid: 0, home: "/root" });
  expect(identityOf(root, "5:6")).toMatchObject({ uid: 5, gid: 6 });
});

test("a fifo, a directory and a socket-like device for passwd are read as empty, without waiting", () => {
  for (const make of [
    () => mknodat(AT_FDCWD, `${root}/etc/passwd`, 0o010644),
    () => mkdirSync(`${root}/etc/passwd`),
    () => symlinkSync("passwd", `${root}/etc/passwd`),
  ]) {
    rmSync(`${root}/etc/passwd`, { recursive: true });
    make();
    expect(readInside(root, "/etc/passwd")).toBe("");
    expect(identityOf(root, "0")).toMatchObject({ uid: 0, gid: 0 });
  }
});

test("links lead nowhere but into the image", () => {
  writeFileSync(`${place}/outside`, "mallory:x:666:666::/:\n");
  for (const target of [`${place}/outside`, "../../outside", "/../../outside", `/proc/self/root${place}/outside`]) {
    rmSync(`${root}/etc/passwd`);
    symlinkSync(target, `${root}/etc/passwd`);
    expect(readInside(root, "/etc/passwd")).toBe("");
    expect(() => identityOf(root, "mallory")).toThrow("unable to find user");
  }
  rmSync(`${root}/etc/passwd`);
  writeFileSync(`${root}/outside`, "inner:x:9:9::/:\n");
  symlinkSync("/outside", `${root}/etc/passwd`);
  expect(identityOf(root, "inner")).toMatchObject({ uid: 9 });
});

test("a passwd larger than 4 MiB is refused, not read", () => {
  truncateSync(`${root}/etc/passwd`, 5 * 1024 * 1024 * 1024);
  expect(() => identityOf(root, "ann")).toThrow(expect.objectContaining({ code: "input.too-large" }));
});
