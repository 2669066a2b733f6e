// Where a container's cgroup lies, by manager and mode.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { testDirectory } from "../kernel/test-directory.ts";
import { cgroupOfProcess, cgroupPathOf, delegatedCgroup, makeRoomForPayload, ownCgroup, type CgroupManager, type CgroupPlace } from "./cgroups.ts";

type Asked = Parameters<typeof cgroupPathOf>[0];
const unit = "0::/user.slice/me.service\n";
const many = "9:name=systemd:/\n8:pids:/\n4:memory:/a:b/c\n0::/\n";

const cases: [Asked, CgroupManager, CgroupPlace, string | undefined][] = [
  [{}, "cgroupfs", {}, "/libpod_parent/libpod-ID"],
  [{ cgroupParent: "/foo/" }, "cgroupfs", {}, "/foo/libpod-ID"],
  [{ cgroups: "no-conmon" }, "cgroupfs", {}, "/libpod_parent/libpod-ID"],
  [{ cgroups: "disabled" }, "cgroupfs", {}, undefined],
  [{ cgroups: "disabled" }, "systemd", {}, undefined],
  [{}, "systemd", {}, "machine.slice:libpod:ID"],
  [{}, "systemd", { rootless: true }, "user.slice:libpod:ID"],
  [{ cgroupParent: "a.slice/a-b.slice" }, "systemd", {}, "a-b.slice:libpod:ID"],
  [{}, "cgroupfs", { rootless: true }, undefined],
  [{ cgroupParent: "/given" }, "cgroupfs", { rootless: true }, "/given/libpod-ID"],
  [{ cgroups: "split" }, "systemd", { own: unit, mode: "v2" }, "/user.slice/me.service/libpod-payload-ID"],
  [{ cgroups: "split" }, "systemd", { own: "0::/a/runtime\n", mode: "v2" }, "/a/libpod-payload-ID"],
  [{ cgroups: "split" }, "cgroupfs", { own: many, mode: "v1" }, "/a:b/c/libpod-payload-ID"],
];
for (const [spec, manager, place, path] of cases) {
  test(`${JSON.stringify(spec)} with ${manager} ${JSON.stringify(place)}`, () => expect(cgroupPathOf(spec, "ID", manager, place)).toBe(path));
}

test("a user's containers get cgroups beside his own where what is around it was given to him, and with v1 none", () => {
  using directory = testDirectory();
  const own = "0::/given/shell\n";
  expect(delegatedCgroup({ own, mode: "v2", base: directory.path })).toBeUndefined();
  mkdirSync(`${directory.path}/given/shell`, { recursive: true });
  for (const name of ["cgroup.procs", "cgroup.subtree_control"]) {
    expect(delegatedCgroup({ own, mode: "v2", base: directory.path })).toBeUndefined();
    writeFileSync(`${directory.path}/given/${name}`, "");
  }
  expect(delegatedCgroup({ own, mode: "v2", base: directory.path })).toBe("/given");
  expect(delegatedCgroup({ own, mode: "v1", base: directory.path })).toBeUndefined();
  for (const alone of ["0::/\n", "0::/shell\n"]) expect(delegatedCgroup({ own: alone, mode: "v2", base: directory.path })).toBeUndefined();
});

for (const [spec, manager, place, reason] of [
  [{ cgroupParent: "/foo" }, "systemd", {}, "did not receive systemd slice"],
  [{ cgroupParent: ".slice" }, "systemd", {}, "did not receive systemd slice"],
  [{ cgroupParent: "foo.slice" }, "cgroupfs", {}, "systemd slice received"],
  [{ cgroups: "split", cgroupParent: "/foo" }, "cgroupfs", {}, "cannot specify --cgroup-mode=split with a cgroup-parent"],
  [{ cgroups: "split" }, "cgroupfs", { own: "0::/\n", mode: "v2" }, "cannot split the root cgroup"],
] as [Asked, CgroupManager, CgroupPlace, string][]) {
  test(`${JSON.stringify(spec)} with ${manager} is refused`, () => {
    expect(() => cgroupPathOf(spec, "ID", manager, place)).toThrow(expect.objectContaining({ code: "usage.invalid", message: expect.stringContaining(reason) }));
  });
}

test("our own cgroup is read of the hierarchy that counts", () => {
  expect(ownCgroup(unit, "v2")).toBe("/user.slice/me.service");
  expect(ownCgroup(`1:memory:/x\n${unit}`, "v1")).toBe("/x");
  expect(ownCgroup("", "v2")).toBe("/");
});

test("a process that has gone is in no cgroup, ours is in one", () => {
  expect(cgroupOfProcess(2 ** 22 + 1)).toBe("");
  expect(cgroupOfProcess(process.pid)).toStartWith("/");
});

test("before a split all of ours go into a cgroup beside the payload's, once", () => {
  const base = mkdtempSync("/tmp/coracle-cgroup-");
  try {
    mkdirSync(`${base}/me.service`);
    writeFileSync(`${base}/me.service/cgroup.procs`, "17\n18\n");
    makeRoomForPayload({ own: "0::/me.service\n", base });
    expect(readFileSync(`${base}/me.service/runtime/cgroup.procs`, "utf8")).toBe("18");
    makeRoomForPayload({ own: "0::/me.service/runtime\n", base });
    expect(existsSync(`${base}/me.service/runtime/runtime`)).toBe(false);
    makeRoomForPayload({ own: "0::/\n", base });
    expect(existsSync(`${base}/runtime`)).toBe(false);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
});
