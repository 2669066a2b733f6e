// What we write Debian's skopeo reads, and the other way round, with digests kept: directories, layouts, archives, registries, a store.
// Source: containers-transports(5).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mustRun, ok } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { makeImage, makeIndex } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";

const ours = (...words: string[]): string => mustRun(["skopeo", ...words]);
const theirs = (...words: string[]): string => mustRun(["/usr/bin/skopeo", "--insecure-policy", ...words]);
type Tool = typeof ours;
const tools: readonly [string, Tool, string, Tool][] = [["we", ours, "they", theirs], ["they", theirs, "we", ours]];

let registry: Registry;
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;
const host = process.arch === "arm64" ? "arm64" : "amd64";
const upper = tarOf([{ name: "etc/", kind: "directory" }, { name: "etc/made", body: "here\n" }]);
const images = {
  docker: busybox({ form: "docker" }),
  oci: busybox({ form: "oci" }),
  zstd: busybox({ form: "oci", compression: "zstd" }),
  layers: makeImage({ form: "oci", layers: [upper, tarOf([{ name: "etc/.wh.made" }]), upper] }),
} as const;
const index = makeIndex([{ image: images.oci, architecture: host }, { image: images.layers, architecture: "s390x" }]);
const digestAt = (tool: Tool, name: string): string => tool("inspect", "--format", "{{.Digest}}", name);
const idOf = (image: { manifest: Uint8Array }): string => JSON.parse(new TextDecoder().decode(image.manifest)).config.digest.slice(7);

beforeAll(async () => {
  if (!existsSync("/usr/bin/skopeo")) throw new Error("no skopeo of Debian's: tools/setup.sh test installs it");
  registry = await startRegistry();
  for (const [name, image] of Object.entries(images)) await registry.push(image, name);
  for (const image of [images.oci, images.layers]) await registry.push(image, "index", image.digest);
  await registry.push(index, "index");
}, 60_000);
afterAll(async () => registry?.stop());

for (const [writer, write, reader, read] of tools) {
  describe(`what ${writer} write, ${reader} read`, () => {
    for (const [name, image] of Object.entries(images)) {
      test(`${name} as a directory`, () => {
        const folder = newFolder();
        write("copy", "-q", at(name), `dir:${folder}/dir`);
        expect(digestAt(read, `dir:${folder}/dir`)).toBe(image.digest);
        read("copy", "-q", `dir:${folder}/dir`, at(`${writer}-${name}:dir`));
        expect(digestAt(write, at(`${writer}-${name}:dir`))).toBe(image.digest);
      });

      if (name !== "docker") test(`${name} as a layout, plain and in an archive`, () => {
        const folder = newFolder();
        write("copy", "-q", at(name), `oci:${folder}/oci:one`);
        write("copy", "-q", at("layers"), `oci:${folder}/oci:two`);
        write("copy", "-q", at(name), `oci-archive:${folder}/oci.tar:one`);
        expect(digestAt(read, `oci:${folder}/oci:one`)).toBe(image.digest);
        expect(digestAt(read, `oci:${folder}/oci:two`)).toBe(images.layers.digest);
        read("copy", "-q", `oci-archive:${folder}/oci.tar:one`, `dir:${folder}/dir`);
        expect(digestAt(write, `dir:${folder}/dir`)).toBe(image.digest);
        // And into the layout that the other made.
        read("copy", "-q", at("oci"), `oci:${folder}/oci:three`);
        expect(digestAt(write, `oci:${folder}/oci:three`)).toBe(images.oci.digest);
        expect(digestAt(write, `oci:${folder}/oci:one`)).toBe(image.digest);
      });

      // Debian's own refuses zstd there.
      if (name !== "zstd" || write === ours) test(`${name} as Docker's archive, under the same image ID`, () => {
        const folder = newFolder();
        write("copy", "-q", at(name), `docker-archive:${folder}/d.tar:some.test/name:1`);
        expect(read("list-tags", `docker-archive:${folder}/d.tar`)).toContain("some.test/name:1");
        read("copy", "-q", `docker-archive:${folder}/d.tar:some.test/name:1`, `dir:${folder}/dir`);
        expect(JSON.parse(write("inspect", "--raw", `dir:${folder}/dir`)).config.digest.slice(7)).toBe(idOf(image));
      });
    }

    test("an index with all its members", () => {
      const folder = newFolder();
      write("copy", "-q", "--all", at("index"), `dir:${folder}/dir`);
      read("copy", "-q", "--all", `dir:${folder}/dir`, `oci:${folder}/oci:all`);
      write("copy", "-q", "--all", `oci:${folder}/oci:all`, at(`${writer}-index`));
      expect(write("manifest-digest", `${folder}/dir/manifest.json`)).toBe(index.digest);
      expect(new Bun.CryptoHasher("sha256").update(read("inspect", "--raw", at(`${writer}-index`))).digest("hex")).toBe(index.digest.slice(7));
    });
  });
}

for (const driver of ["overlay", "vfs"]) {
  test(`what they keep in a store of driver ${driver}, we read and run`, () => {
    const folder = newFolder();
    const store = `containers-storage:[${driver}@${folder}/root+${folder}/run]`;
    for (const name of ["docker", "layers"]) theirs("copy", "-q", at(name), `${store}their.test/${name}:1`);
    ours("copy", "-q", `${store}their.test/docker:1`, `containers-storage:localhost/${driver}:1`);
    expect(ok("run", "--rm", "--network", "none", `localhost/${driver}:1`, "echo", "read")).toBe("read");
    ours("copy", "-q", `${store}their.test/layers:1`, `dir:${folder}/dir`);
    expect(JSON.parse(ours("inspect", "--raw", `dir:${folder}/dir`)).config.digest.slice(7)).toBe(idOf(images.layers));
    expect(existsSync(`${folder}/root/coracle.db`)).toBe(false);
  });
}
