// Volumes: owners, devices and limits by their options, pruning, the same mount twice, reload; and images as trees.
// Source: podman-volume-create(1), podman-volume-prune(1), podman-image-tree(1).

import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { begin, mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
afterEach(() => {
  run(["podman", "rm", "-af", "-t", "0"]);
  run(["podman", "volume", "rm", "-af"]);
});

test("a volume belongs to whom --uid, --gid or o= name", () => {
  ok("volume", "create", "--uid", "7", "--gid", "8", "a");
  ok("volume", "create", "-o", "o=uid=9,gid=10", "b");
  const owner = (name: string) => {
    const { uid, gid } = statSync(ok("volume", "inspect", "--format", "{{.Mountpoint}}", name));
    return [uid, gid];
  };
  expect([owner("a"), owner("b")]).toEqual([[7, 8], [9, 10]]);
  expect(ok("volume", "inspect", "--format", "{{.UID}} {{.GID}} {{.NeedsCopyUp}} {{.Anonymous}}", "a")).toBe("7 8 true false");
  expect(ok("run", "--rm", "--network", "none", "-v", "b:/b", IMAGE, "stat", "-c", "%u %g", "/b")).toBe("9 10");
  expect(podman("volume", "create", "-o", "o=uid=x", "c")).toMatchObject({ status: 125, err: expect.stringContaining("cannot convert UID x") });
});

test("what a volume cannot be is refused by name", () => {
  for (const [complaint, ...words] of [
    ["faccessat /bogus: no such file or directory", "-o", "type=bind", "-o", "device=/bogus"], ["size and inodes not supported", "-o", "o=size=1M"],
    ["no volume plugin with name magic available", "-d", "magic"], ["invalid mount option colour", "-o", "colour=red"],
  ]) expect(podman("volume", "create", ...words as string[], "x")).toMatchObject({ status: 125, err: expect.stringContaining(complaint as string) });
  expect(podman("volume", "exists", "x").status).toBe(1);
});

test("prune asks with the names it means, and takes only those", () => {
  for (const name of ["one", "two"]) ok("volume", "create", name);
  ok("volume", "create", "--label", "l=1", "three");
  ok("create", "--name", "c", "-v", "one:/one", IMAGE, "true");
  const asked = mustRun(["podman", "volume", "prune"], { input: "N\n" }).split("\n");
  expect(asked.slice(1, 3)).toEqual(["three", "two"]);
  expect(ok("volume", "prune", "-f", "--filter", "label=l")).toBe("three");
  expect(ok("volume", "prune", "-f")).toBe("two");
  expect(mustRun(["podman", "volume", "prune"], { input: "y\n" })).toBe("No dangling volumes found");
  expect(ok("volume", "ls", "-q")).toBe("one");
});

test("the same mount twice is one, another at its place is refused", () => {
  ok("run", "--rm", "--network", "none", "-v", "a:/v", "-v", "a:/v", "--tmpfs", "/t", "--tmpfs", "/t", IMAGE, "true");
  expect(podman("run", "--rm", "-v", "a:/v", "-v", "b:/v", IMAGE, "true").err).toContain("/v: duplicate mount destination");
  expect(podman("run", "--rm", "--tmpfs", "/t", "--tmpfs", "/t:ro", IMAGE, "true").err).toContain("/t: duplicate mount destination");
});

test("reload has nothing to do without plugins", () => {
  expect(podman("volume", "reload")).toEqual({ status: 0, out: "", err: "" });
});

test("image tree shows layers and the images that end at them", () => {
  ok("run", "--name", "c", "--network", "none", IMAGE, "touch", "/new");
  ok("commit", "-q", "c", "child");
  const tree = ok("image", "tree", "child");
  expect(tree).toMatch(/^Image ID: [0-9a-f]{12}\nTags: +\[localhost\/child:latest\]\nSize: +\S+\nImage Layers\n├── ID: [0-9a-f]{12} Size: +\S+ Top Layer of: \[127\.0\.0\.1:5000\/busybox:latest\]\n└── ID: .* Top Layer of: \[localhost\/child:latest\]/);
  expect(ok("image", "tree", "--whatrequires", IMAGE)).toMatch(/busybox:latest\]\n└── ID: .*child:latest\]/);
  expect(podman("image", "tree", "nosuch").err).toContain("image not known");
  ok("rmi", "-f", "child");
});

test("images takes a name with --all, and none with a filter; the history of names begins with those it has", () => {
  ok("tag", IMAGE, "one");
  ok("rmi", "one");
  expect(ok("images", "--all", "--format", "{{.Repository}} {{.History}}", IMAGE)).toBe("127.0.0.1:5000/busybox 127.0.0.1:5000/busybox:latest, localhost/one:latest");
  expect(podman("images", "--filter", "dangling=false", IMAGE)).toMatchObject({ status: 125, err: expect.stringContaining("cannot specify an image and a filter(s)") });
});

test("image prune --build-cache takes what builds keep from one to the next", () => {
  const kept = "/var/lib/containers/coracle/build-cache/kept";
  mkdirSync(kept, { recursive: true });
  ok("image", "prune", "-f");
  expect(existsSync(kept)).toBe(true);
  ok("image", "prune", "-f", "--build-cache");
  expect(existsSync(kept)).toBe(false);
});

test("a volume waits for an image that has something at its place", () => {
  ok("volume", "create", "v");
  const waits = () => ok("volume", "inspect", "--format", "{{.NeedsCopyUp}} {{.NeedsChown}}", "v");
  ok("run", "--rm", "--network", "none", "-v", "v:/nothing-here", IMAGE, "true");
  expect(waits()).toBe("true true");
  expect(ok("run", "--rm", "--network", "none", "-v", "v:/etc", IMAGE, "ls", "/etc/passwd")).toBe("/etc/passwd");
  expect(waits()).toBe("false false");
});

test("load takes an archive from the web, and says when there is none", async () => {
  const file = `${newFolder("web")}/image.tar`;
  ok("save", "-q", "-o", file, IMAGE);
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: ({ url }) => url.endsWith("/image.tar") ? new Response(Bun.file(file)) : new Response("", { status: 404 }) });
  try {
    const load = async (path: string) => begin(["podman", "load", "-q", "-i", `http://127.0.0.1:${server.port}${path}`]);
    const [good, bad] = [await load("/image.tar"), await load("/none")];
    expect([await good.exited, good.out()]).toEqual([0, `Loaded image: ${IMAGE}\n`]);
    expect(await bad.exited).toBe(125);
    expect(bad.err()).toContain("404");
  } finally {
    server.stop(true);
  }
});
