// podman image mount and unmount: an image's files from outside, read-only and counted.
// Source: podman-image-mount(1), podman-image-unmount(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { fromCaller, unshared } from "../fixtures/caller.ts";
import { mustRun, ok, run } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

/** A user's mounts are seen where he is root, and there only. */
const inside = (...words: string[]): string => mustRun(unshared("podman", "image", ...words));

test("mounts read-only, lists, counts, and unmounts with the last user", () => {
  const id = ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  const path = inside("mount", IMAGE);
  expect(existsSync(`${fromCaller(path)}/bin/busybox`) || existsSync(`${fromCaller(path)}/usr/bin/busybox`)).toBe(true);
  expect(() => writeFileSync(`${fromCaller(path)}/x`, "")).toThrow("EROFS");
  expect(inside("mount", IMAGE)).toBe(path);
  expect(inside("mount")).toMatch(new RegExp(`^${IMAGE} +${path}$`));
  expect(JSON.parse(inside("mount", "--format", "json"))).toMatchObject([{ id, Repositories: [IMAGE], mountpoint: path }]);
  expect(inside("umount", IMAGE)).toBe(id);
  expect(inside("mount")).not.toBe("");
  expect(inside("unmount", IMAGE)).toBe(id);
  expect(inside("unmount", IMAGE)).toBe("");
  expect(inside("mount")).toBe("");
});

test("--all, --force and images that are not there", () => {
  const id = ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  inside("mount", "--all");
  inside("mount", IMAGE);
  expect(inside("umount", "--force", IMAGE)).toBe(id);
  inside("mount", "-a");
  expect(inside("umount", "-a")).toContain(id);
  expect(run(unshared("podman", "image", "umount", "nosuch"))).toMatchObject({ status: 125, err: "Error: nosuch: image not known\n" });
  expect(run(unshared("podman", "image", "umount")).err).toContain("image name or ID must be specified");
});

test("a container's image mount ends with the container and leaves a mount of our own", () => {
  const path = inside("mount", IMAGE);
  ok("run", "--rm", "--network", "none", "--mount", `type=image,src=${IMAGE},dst=/i`, IMAGE, "test", "-e", "/i/bin");
  expect(inside("mount")).toContain(path);
  inside("umount", IMAGE);
  expect(inside("mount")).toBe("");
});
