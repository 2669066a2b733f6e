// podman image mount and unmount: an image's files from outside, read-only and counted.
// Source: podman-image-mount(1), podman-image-unmount(1).

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { ok, podman } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("mounts read-only, lists, counts, and unmounts with the last user", () => {
  const id = ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  const path = ok("image", "mount", IMAGE);
  expect(existsSync(`${path}/bin/busybox`) || existsSync(`${path}/usr/bin/busybox`)).toBe(true);
  expect(() => writeFileSync(`${path}/x`, "")).toThrow("EROFS");
  expect(ok("image", "mount", IMAGE)).toBe(path);
  expect(ok("image", "mount")).toMatch(new RegExp(`^${IMAGE} +${path}$`));
  expect(JSON.parse(ok("image", "mount", "--format", "json"))).toMatchObject([{ id, Repositories: [IMAGE], mountpoint: path }]);
  expect(ok("image", "umount", IMAGE)).toBe(id);
  expect(ok("image", "mount")).not.toBe("");
  expect(ok("image", "unmount", IMAGE)).toBe(id);
  expect(ok("image", "unmount", IMAGE)).toBe("");
  expect(ok("image", "mount")).toBe("");
});

test("--all, --force and images that are not there", () => {
  const id = ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  ok("image", "mount", "--all");
  ok("image", "mount", IMAGE);
  expect(ok("image", "umount", "--force", IMAGE)).toBe(id);
  ok("image", "mount", "-a");
  expect(ok("image", "umount", "-a")).toContain(id);
  expect(podman("image", "umount", "nosuch")).toMatchObject({ status: 125, err: "Error: nosuch: image not known\n" });
  expect(podman("image", "umount").err).toContain("image name or ID must be specified");
});

test("a container's image mount ends with the container and leaves a mount of our own", () => {
  const path = ok("image", "mount", IMAGE);
  ok("run", "--rm", "--network", "none", "--mount", `type=image,src=${IMAGE},dst=/i`, IMAGE, "test", "-e", "/i/bin");
  expect(ok("image", "mount")).toContain(path);
  ok("image", "umount", IMAGE);
  expect(ok("image", "mount")).toBe("");
});
