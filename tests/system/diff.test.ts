// podman diff: what changed in containers and images.
// Source: podman-diff(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { unshared } from "../fixtures/caller.ts";
import { mustRun, ok, podman } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const lines = (...words: string[]): string[] => ok(...words).split("\n").sort();
const changed = ["A /added", "C /etc", "D /etc/passwd"];

test("of a container, of the image made from it, and between two", () => {
  ok("run", "--network", "none", "--name", "d", IMAGE, "sh", "-c", "touch /added; rm /etc/passwd");
  expect(lines("diff", "d")).toEqual(changed);
  expect(lines("container", "diff", "-l")).toEqual(changed);
  expect(JSON.parse(ok("diff", "--format", "json", "d"))).toEqual({ changed: ["/etc"], added: ["/added"], deleted: ["/etc/passwd"] });
  ok("commit", "-q", "d", "diffed");
  expect(lines("image", "diff", "diffed")).toEqual(changed);
  expect(lines("diff", "diffed", IMAGE)).toEqual(changed);
  expect(ok("diff", "d", "diffed")).toBe("");
  expect(mustRun(unshared("podman", "image", "mount"))).toBe("");
});

test("refuses other formats, what is not there, and the wrong kind", () => {
  expect(podman("diff", "--format", "yaml", IMAGE).err).toContain("only supported value for '--format' is 'json'");
  expect(podman("diff", "nosuch").status).toBe(125);
  expect(podman("image", "diff", "nosuch").err).toContain("nosuch: image not known");
  expect(podman("container", "diff", IMAGE).err).toContain("no such container");
});

test("of a working container that buildah made", () => {
  const name = mustRun(["buildah", "from", IMAGE]);
  expect(ok("diff", name)).toBe("");
  mustRun(["buildah", "config", "--label", "a=b", name]);
  mustRun(["buildah", "copy", name, "/etc/hostname", "/copied"]);
  expect(JSON.parse(ok("diff", "--format", "json", name))).toEqual({ added: ["/copied"] });
  expect(lines("diff", name, IMAGE)).toEqual(["A /copied"]);
  mustRun(["buildah", "rm", name]);
});
