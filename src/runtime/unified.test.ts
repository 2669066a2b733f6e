// The mount namespace without cgroup v2: what is seen there, and that nothing of it is seen here. As root on a hybrid host.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { findProgram, spawnSync } from "../base/spawn.ts";
import { bindMount, setPropagation, unmountAll } from "../kernel/mounts.ts";
import { geteuid } from "../kernel/users.ts";
import { cgroupMode } from "./cgroups.ts";
import { entranceWithoutUnified, withoutUnified } from "./unified.ts";

const works = geteuid() === 0 && cgroupMode() === "hybrid" && findProgram("nsenter") !== undefined;
const controllers = "/sys/fs/cgroup/unified/cgroup.controllers";
const enter = (script: string): string => {
  const entrance = entranceWithoutUnified();
  try {
    const ran = spawnSync([...entrance.argv, "/bin/sh", "-c", script]);
    expect(ran.complaint()).toBe("");
    return ran.text().trim();
  } finally {
    entrance.close();
  }
};

const here = (): unknown[] => [
  readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(line => line.includes("cgroup")),
  readlinkSync("/proc/thread-self/ns/mnt"), process.cwd(),
];
const handles = (): number => readdirSync("/proc/self/fd").length;

test.skipIf(!works)("the tree is out of sight there, in sight here, and nothing is left open", async () => {
  // The first child costs handles that stay, ours or not.
  enter("true");
  const before = here();
  const open = handles();
  expect(enter(`test -e ${controllers} || echo gone`)).toBe("gone");
  expect(withoutUnified(() => existsSync(controllers))).toBe(false);
  expect(existsSync(controllers)).toBe(true);
  expect(here()).toEqual(before);
  // Handles of the runner's own may come and go meanwhile.
  for (let patience = 0; patience < 40 && handles() > open; patience++) await Bun.sleep(50);
  expect(handles()).toBeLessThanOrEqual(open);
});

test.skipIf(!works)("what is made at its place there is not left here", () => {
  enter("mkdir -p /sys/fs/cgroup/unified/coracle-left");
  expect(enter("ls /sys/fs/cgroup/unified")).toBe("");
  expect(existsSync("/sys/fs/cgroup/unified/coracle-left")).toBe(false);
});

test.skipIf(!works)("who enters gets no handle of a namespace, nor any but its streams", () => {
  expect(enter("for fd in /proc/$$/fd/*; do readlink $fd; done")).not.toMatch(/mnt:|\/proc|\/$/m);
});

test.skipIf(!works)("mounts that are shared stay shared with the host, those that are not do not", () => {
  const place = mkdtempSync("/tmp/coracle-unified-");
  try {
    for (const name of ["shared/x", "private/x"]) mkdirSync(`${place}/${name}`, { recursive: true });
    for (const name of ["shared", "private"] as const) {
      bindMount(`${place}/${name}`, `${place}/${name}`);
      setPropagation(`${place}/${name}`, name);
    }
    enter(`mount -t tmpfs tmpfs ${place}/shared/x && mount -t tmpfs tmpfs ${place}/private/x`);
    const mounted = readFileSync("/proc/self/mountinfo", "utf8");
    expect([mounted.includes(` ${place}/shared/x `), mounted.includes(` ${place}/private/x `)]).toEqual([true, false]);
  } finally {
    for (const name of ["shared/x", "shared", "private"]) unmountAll(`${place}/${name}`);
    rmSync(place, { recursive: true, force: true });
  }
});
