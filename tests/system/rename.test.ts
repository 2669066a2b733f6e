// podman rename: another name for a container.
// Source: podman-rename(1).

import { expect, test } from "bun:test";
import { ok, podman } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("the container answers to its new name only, running or not, and the old one is free", () => {
  const id = ok("run", "-d", "--network", "none", "--name", "old", IMAGE, "sleep", "100");
  ok("rename", "old", "new");
  expect(ok("inspect", "--format", "{{.Id}} {{.Name}}", "new")).toBe(`${id} new`);
  expect(podman("container", "exists", "old").status).toBe(1);
  ok("create", "--network", "none", "--name", "old", IMAGE);
  expect(podman("rename", "old", "new").err).toContain('name "new" is already in use');
  expect(podman("rename", "old", "a/b").err).toContain("names must match");
  expect(podman("rename", "nosuch", "x").err).toContain("no such container");
});
