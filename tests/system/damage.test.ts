// Damage in the store: found, named, and mended by a pull or by system check --repair; never in the way of a removal.
// Source: podman-system-check(1).

import { expect, test } from "bun:test";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { begin, ok, podman } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
const store = "/var/lib/containers/coracle";

interface Parts {
  readonly id: string;
  readonly manifest: string;
  readonly layer: string;
  readonly tree: string;
}

/** Where the parts of the test image lie. */
function parts(): Parts {
  const [{ Id, Digest, RootFS }] = JSON.parse(ok("image", "inspect", IMAGE));
  const blob = (hex: string): string => `${store}/blobs/sha256/${hex}`;
  const { layers } = JSON.parse(readFileSync(blob(Digest.slice(7)), "utf8"));
  return { id: Id, manifest: blob(Digest.slice(7)), layer: blob(layers[0].digest.slice(7)), tree: `${store}/layers/${RootFS.Layers[0].slice(7)}` };
}

const config = (): string => `${store}/blobs/sha256/${parts().id}`;
const works = (): string => ok("run", "--rm", "--network", "none", IMAGE, "echo", "works");

/** Changes a byte without changing size or times, as a bad disk does. */
function rot(file: string): void {
  const { atime, mtime, mode } = statSync(file);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
  chmodSync(file, mode);
  utimesSync(file, atime, mtime);
}

for (const [what, harm] of [
  ["its config is gone", () => rmSync(config())],
  ["its manifest is gone", () => rmSync(parts().manifest)],
  ["its layer's archive is cut off", () => writeFileSync(parts().layer, "short")],
  ["its layer's tree is gone", () => rmSync(parts().tree, { recursive: true })],
] as const) {
  test(`an image of which ${what} is found by a quick check, and whole again after a pull`, () => {
    const { id } = parts();
    harm();
    const found = podman("system", "check", "--quick");
    expect(found.status).toBe(125);
    expect(found.out).toMatch(/^Damaged (Image|Layer) [0-9a-f:sh]+:\n\t\* /);
    expect(ok("pull", "-q", IMAGE)).toBe(id);
    expect(podman("system", "check")).toEqual({ status: 0, out: "", err: "" });
    expect(works()).toBe("works");
  });
}

test("a listing names the image whose config is gone", () => {
  const { id } = parts();
  rmSync(config());
  const ran = podman("images");
  expect([ran.status, ran.out]).toEqual([125, ""]);
  expect(ran.err).toStartWith(`Error: locating item named "sha256:${id}" for image with ID "${id}" (consider removing the image to resolve the issue): file does not exist\n`);
  ok("pull", "-q", IMAGE);
});

for (const [what, words] of [
  ["rmi -f ID", (id: string) => ["rmi", "-f", id]],
  ["rmi -f NAME", () => ["rmi", "-f", IMAGE]],
  ["rmi -f -a", () => ["rmi", "-f", "-a"]],
  ["image prune -a -f", () => ["image", "prune", "-a", "-f"]],
] as const) {
  test(`a damaged image goes by ${what}, with a warning`, () => {
    const { id } = parts();
    rmSync(config());
    const ran = podman(...words(id));
    expect(ran.status).toBe(0);
    expect(ran.err).toMatch(/level=warning msg="Failed to determine (parent of image|if an image is a parent): .*, ignoring the error"/);
    expect(ok("images", "-a", "--noheading")).toBe("");
    ok("pull", "-q", IMAGE);
  });
}

for (const [form, what, harm, reason] of [
  ["directory", "a byte that changed by itself", (tree: string) => rot(`${tree}/usr/bin/busybox`), "/usr/bin/busybox was changed"],
  ["directory", "a file too many", (tree: string) => writeFileSync(`${tree}/usr/bin/extra`, "x"), "/usr/bin/extra was added"],
  ["directory", "a file too few", (tree: string) => rmSync(`${tree}/usr/bin/busybox`), "/usr/bin/busybox is missing"],
  ["directory", "a mode that changed", (tree: string) => chmodSync(`${tree}/usr/bin/busybox`, 0o600), "/usr/bin/busybox was changed"],
  ["erofs", "a byte that changed by itself, in the file that stands for it,", (file: string) => rot(file), "/usr/bin/busybox was changed"],
] as const) {
  test(`in a layer ${what} is found and mended from its archive, once no container has it mounted`, () => {
    ok("rmi", "-f", IMAGE);
    ok("--storage-opt", `overlay.layers=${form}`, "pull", "-q", IMAGE);
    const { tree, id } = parts();
    expect(statSync(tree).isFile()).toBe(form === "erofs");
    ok("run", "-d", "--network", "none", "--name", "user", IMAGE, "sleep", "100");
    harm(tree);
    expect(podman("system", "check", "--quick").status).toBe(0);
    const found = podman("system", "check");
    expect([found.status, found.out]).toEqual([125, expect.stringMatching(/^Damaged Layer sha256:[0-9a-f]{64}:\n/)]);
    expect(found.out).toContain(`\t* ${reason}\n`);
    expect(found.err).toContain("damage detected in local storage");
    const early = podman("system", "check", "--repair");
    expect([early.status, early.err]).toEqual([125, expect.stringContaining("a container or an image that uses it is mounted")]);
    ok("stop", "-t0", "user");
    const repaired = podman("system", "check", "--repair");
    expect([repaired.status, repaired.err]).toEqual([0, ""]);
    expect(repaired.out).toContain("Repaired damaged layer: sha256:");
    expect(podman("system", "check")).toEqual({ status: 0, out: "", err: "" });
    expect(ok("image", "inspect", "--format", "{{.Id}}", IMAGE)).toBe(id);
    ok("start", "user");
    ok("exec", "user", "true");
    ok("rm", "-f", "-t0", "user");
    expect(works()).toBe("works");
  });
}

test("a layer that is a file is mounted once for all containers, and let go by system prune or with its image", () => {
  const views = (): number => readFileSync("/proc/self/mountinfo", "latin1").split("\n").filter(line => line.includes(" - erofs ")).length;
  ok("system", "prune", "-f");
  ok("rmi", "-f", IMAGE);
  ok("--storage-opt", "overlay.layers=erofs", "pull", "-q", IMAGE);
  expect(views()).toBe(0);
  for (const name of ["one", "two"]) ok("run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "100");
  expect(views()).toBe(1);
  ok("system", "prune", "-f");
  expect(views()).toBe(1);
  ok("rm", "-f", "-t0", "one", "two");
  ok("system", "prune", "-f");
  expect(views()).toBe(0);
  expect(works()).toBe("works");
  expect(views()).toBe(1);
  ok("rmi", IMAGE);
  expect(views()).toBe(0);
  ok("pull", "-q", IMAGE);
});

test("an image whose archive rots goes by --repair, but not from under a container, which --force takes too", () => {
  const { layer, id } = parts();
  ok("create", "--name", "user", IMAGE, "true");
  rot(layer);
  expect(podman("system", "check").out).toContain(`Damaged Image ${id}:\n\t* blob sha256:${layer.slice(-64)}: checksum failed`);
  const refused = podman("system", "check", "--repair");
  expect(refused.status).toBe(125);
  expect(refused.err).toContain("it is used by container");
  expect(refused.err).toContain("damage in local storage still present after repair attempt");
  expect(podman("container", "exists", "user").status).toBe(0);
  const forced = podman("system", "check", "--repair", "--force");
  expect([forced.status, forced.out]).toEqual([0, expect.stringContaining(`Deleted damaged image: ${id}`)]);
  expect(podman("container", "exists", "user").status).toBe(1);
  expect(podman("system", "check").status).toBe(0);
  ok("pull", "-q", IMAGE);
  expect(works()).toBe("works");
});

test("files that nothing knows of are named and go", () => {
  const strays = [`${store}/layers/${"a".repeat(64)}`, `${store}/roots/stray`];
  for (const stray of strays) mkdirSync(stray);
  writeFileSync(`${store}/blobs/sha256/${"b".repeat(64)}`, "x");
  const found = podman("system", "check", "--quick");
  expect(found.status).toBe(125);
  for (const stray of [...strays, `${store}/blobs/sha256/${"b".repeat(64)}`]) expect(found.out).toContain(`Damaged store: unreferenced file ${stray.slice(store.length + 1)}:`);
  expect(podman("system", "check", "--quick", "--repair").status).toBe(0);
  for (const stray of strays) expect(existsSync(stray)).toBe(false);
});

test("partial downloads go by their age with --max", () => {
  const partial = `${store}/blobs/partial/sha256-${"c".repeat(64)}`;
  writeFileSync(partial, "x");
  ok("system", "check", "--max", "1h");
  expect(existsSync(partial)).toBe(true);
  ok("system", "check", "--max", "0");
  expect(existsSync(partial)).toBe(false);
});

test("a damaged artifact is found and goes", () => {
  const file = `${newFolder()}/f`;
  writeFileSync(file, "artifact");
  ok("artifact", "add", "local/rotten", file);
  const { Manifest } = JSON.parse(ok("artifact", "inspect", "local/rotten"));
  rot(`${store}/blobs/sha256/${Manifest.layers[0].digest.slice(7)}`);
  expect(podman("system", "check").out).toContain("Damaged Artifact local/rotten:latest:\n\t* blob ");
  expect(ok("system", "check", "--repair")).toContain("Deleted damaged artifact: local/rotten:latest");
  expect(ok("artifact", "ls", "-n")).toBe("");
});

test("built and committed images are what their archives say", () => {
  const folder = newFolder();
  writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nRUN mkdir -p /a/b && echo x > /a/b/c && ln -s c /a/b/d && ln /a/b/c /a/hard && chmod 4750 /a/b/c && chown 5:6 /a/b/c && rm /bin/sh || true\nCOPY Containerfile /x/\n`);
  ok("build", "-q", "-t", "built", folder);
  ok("run", "--name", "changed", "--network", "none", "built", "/bin/busybox", "mkfifo", "/pipe");
  ok("commit", "-q", "changed", "committed");
  expect(podman("system", "check")).toEqual({ status: 0, out: "", err: "" });
  ok("rm", "changed");
  ok("rmi", "-f", "committed", "built");
});

test("many removals at once, and listings beside them, get in nobody's way", async () => {
  const folder = newFolder();
  const names = Array.from({ length: 8 }, (_, number) => `many-${number}`);
  for (const name of names) {
    writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nLABEL n=${name}\n`);
    ok("build", "-q", "-t", name, folder);
  }
  const removals = names.map(name => begin(["podman", "rmi", name]));
  const listings = names.map(() => begin(["podman", "images"]));
  for (const one of [...removals, ...listings]) expect([await one.exited, one.err()]).toEqual([0, ""]);
  expect(ok("images", "-n", "--format", "{{.Repository}}")).not.toContain("many");
});

test("a reset gets rid of damage too", () => {
  appendFileSync(parts().manifest, " ");
  rmSync(config());
  const ran = podman("system", "reset", "--force");
  expect(ran.status).toBe(0);
  expect(ok("images", "-a", "-n")).toBe("");
});
