// podman mount and umount: the container's root from outside, counted.
// Source: podman-mount(1), podman-umount(1).

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { ok, podman } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("a mounted root is the container's, is listed, and what is written there the container sees", () => {
  ok("create", "--network", "none", "--name", "m", IMAGE, "cat", "/from-outside");
  const root = ok("mount", "m");
  expect(existsSync(`${root}/usr/bin/busybox`)).toBe(true);
  writeFileSync(`${root}/from-outside`, "hello\n");
  expect(ok("mount")).toMatch(new RegExp(`^[0-9a-f]{12,64} +${root}`));
  ok("umount", "m");
  expect(existsSync(`${root}/usr/bin/busybox`)).toBe(false);
  expect(podman("start", "--attach", "m").out).toBe("hello\n");
});

test("mounting twice needs one umount each, or --force, and an unmounted one says so quietly", () => {
  ok("create", "--network", "none", "--name", "m", IMAGE);
  const root = ok("mount", "m");
  expect(ok("mount", "m")).toBe(root);
  ok("umount", "m");
  expect(existsSync(`${root}/usr/bin/busybox`)).toBe(true);
  ok("umount", "--force", "m");
  expect(existsSync(`${root}/usr/bin/busybox`)).toBe(false);
  expect(podman("mount", "nosuch").err).toMatch(/no such container/);
  ok("umount", "--all");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(root);
});
