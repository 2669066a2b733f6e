// Manifest lists: made, filled, changed, sent and removed, by podman and by buildah alike; and what they refuse.
// Source: podman-manifest(1), buildah-manifest(1).
// Worlds: root, user.

import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry(["busybox"]);

const hex64 = /^[0-9a-f]{64}$/;
const digestOf = (image: string): string => JSON.parse(ok("image", "inspect", image))[0].Digest;
const entries = (name: string): { digest: string; platform?: Record<string, unknown>; annotations?: Record<string, string> }[] => JSON.parse(ok("manifest", "inspect", name)).manifests ?? [];
const failed = (...words: readonly string[]): [number, string] => [podman(...words).status, podman(...words).err.trim()];

afterEach(() => {
  for (const id of ok("images", "-q", "--filter", "reference=localhost/*").split("\n").filter(Boolean)) podman("rmi", "-f", id);
});

test("create, add, annotate, inspect, remove and rm", () => {
  expect(ok("manifest", "create", "list")).toMatch(hex64);
  expect(entries("list")).toEqual([]);
  expect(podman("manifest", "exists", "list").status).toBe(0);
  expect(podman("manifest", "exists", "none").status).toBe(1);
  const id = ok("manifest", "add", "--arch", "arm64", "--variant", "v8", "list", IMAGE);
  const digest = digestOf(IMAGE);
  expect(entries("list")).toMatchObject([{ digest, platform: { architecture: "arm64", os: "linux", variant: "v8" } }]);
  expect(mustRun(["buildah", "manifest", "annotate", "--annotation", "left=right", "list", digest])).toBe(`${id}: ${digest}`);
  expect(entries("list")[0]!.annotations).toEqual({ left: "right" });
  ok("manifest", "annotate", "--index", "--annotation", "top=yes", "list");
  expect(JSON.parse(ok("manifest", "inspect", "list")).annotations).toEqual({ top: "yes" });
  expect(podman("manifest", "remove", "list", digest).status).toBe(0);
  expect(entries("list")).toEqual([]);
  ok("manifest", "rm", "list");
  expect(podman("manifest", "exists", "list").status).toBe(1);
});

test("a list is sent whole to a registry, and comes back as the image of this platform", () => {
  ok("manifest", "create", "list", IMAGE);
  ok("manifest", "push", "--all", "--tls-verify=false", "list", "docker://127.0.0.1:5000/sent:1");
  const sent = JSON.parse(ok("manifest", "inspect", "--tls-verify=false", "127.0.0.1:5000/sent:1"));
  expect(sent.manifests.length).toBe(1);
  ok("pull", "-q", "--tls-verify=false", "127.0.0.1:5000/sent:1");
  expect(ok("run", "--rm", "--network", "none", "127.0.0.1:5000/sent:1", "echo", "from the list")).toBe("from the list");
  expect(ok("manifest", "push", "--rm", "--tls-verify=false", "list", "docker://127.0.0.1:5000/sent:2")).toMatch(/^sha256:[0-9a-f]{64}$|^$/);
  expect(podman("manifest", "exists", "list").status).toBe(1);
  ok("rmi", "127.0.0.1:5000/sent:1");
});

test("files become an artifact of the list", () => {
  const file = `${process.env["CORACLE_WORLD"]}/tmp/notes.txt`;
  writeFileSync(file, "notes\n");
  ok("manifest", "create", "list");
  ok("manifest", "add", "--artifact", "--artifact-type", "application/x-notes", "list", file);
  expect(JSON.parse(ok("manifest", "inspect", "list")).manifests[0].artifactType).toBe("application/x-notes");
});

test("what is wrong is refused by name, and changes nothing", () => {
  ok("manifest", "create", "list");
  expect(failed("manifest", "create", "list")).toEqual([125, expect.stringContaining("that name is already in use")]);
  expect(failed("manifest", "add", "list", "127.0.0.1:5000/none")[0]).toBe(125);
  expect(failed("manifest", "add", "none", IMAGE)).toEqual([125, expect.stringContaining("none")]);
  expect(failed("manifest", "add", "--artifact-type", "a/b", "list", IMAGE)).toEqual([125, expect.stringContaining("--artifact-type requires --artifact")]);
  expect(failed("manifest", "remove", "list", `sha256:${"0".repeat(64)}`)[0]).toBe(125);
  expect(failed("manifest", "rm", IMAGE)).toEqual([125, expect.stringContaining("not a manifest list")]);
  expect(run(["buildah", "manifest", "add", "list"]).status).toBe(125);
  expect(entries("list")).toEqual([]);
  expect(podman("image", "exists", IMAGE).status).toBe(0);
});
