// podman mount and umount: the container's root from outside, counted.
// Source: podman-mount(1), podman-umount(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fromCaller, unshared } from "../fixtures/caller.ts";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

/** A user's mounts are seen where he is root, and there only. */
const inside = (...words: string[]): string => mustRun(unshared("podman", ...words));

test("a mounted root is the container's, is listed, and what is written there the container sees", () => {
  ok("create", "--network", "none", "--name", "m", IMAGE, "cat", "/from-outside");
  const root = inside("mount", "m");
  expect(existsSync(`${fromCaller(root)}/usr/bin/busybox`)).toBe(true);
  mustRun(unshared("sh", "-c", `echo hello >${root}/from-outside`));
  expect(inside("mount")).toMatch(new RegExp(`^[0-9a-f]{12,64} +${root}`));
  inside("umount", "m");
  expect(existsSync(`${fromCaller(root)}/usr/bin/busybox`)).toBe(false);
  expect(podman("start", "--attach", "m").out).toBe("hello\n");
});

test("mounting twice needs one umount each, or --force, and an unmounted one says so quietly", () => {
  ok("create", "--network", "none", "--name", "m", IMAGE);
  const root = inside("mount", "m");
  expect(inside("mount", "m")).toBe(root);
  inside("umount", "m");
  expect(existsSync(`${fromCaller(root)}/usr/bin/busybox`)).toBe(true);
  inside("umount", "--force", "m");
  expect(existsSync(`${fromCaller(root)}/usr/bin/busybox`)).toBe(false);
  expect(run(unshared("podman", "mount", "nosuch")).err).toMatch(/no such container/);
  inside("umount", "--all");
  expect(mustRun(unshared("cat", "/proc/self/mountinfo"))).not.toContain(root);
});
