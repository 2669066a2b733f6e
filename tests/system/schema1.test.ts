// Images of Docker's schema 1: read, described, and written as schema 2 or OCI.
// Source: Docker distribution manifest-v2-1.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { mustRun, ok, run } from "../fixtures/coracle.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { makeSchema1 } from "../fixtures/schema1.ts";
import { tarOf } from "../fixtures/tar.ts";

const skopeo = (...words: string[]) => run(["skopeo", ...words]);
const done = (...words: string[]): string => mustRun(["skopeo", ...words]);
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

let registry: Registry;
const upper = tarOf([{ name: "etc/made", body: "by schema 1\n" }]);
const image = makeSchema1({ name: "old", layers: [busyboxLayer(), undefined, upper], config: { Cmd: ["cat", "/etc/made"], Env: ["A=b"], Labels: { age: "old" } } });

beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(image, "old");
}, 60_000);
afterAll(async () => registry?.stop());

test("it is described from its manifest alone, under the digest of what was signed", () => {
  const shown = JSON.parse(done("inspect", at("old")));
  expect(shown).toMatchObject({ Name: "127.0.0.1:5000/old", Tag: "latest", Digest: image.digest, DockerVersion: "1.9.1", Env: ["A=b"], Labels: { age: "old" }, RepoTags: ["latest"] });
  expect(shown.Layers).toHaveLength(3);
  expect(JSON.parse(done("inspect", "--raw", at("old")))).toMatchObject({ schemaVersion: 1, name: "old", signatures: [{ header: { alg: "ES256" } }] });
  expect(JSON.parse(done("inspect", "--config", at("old")))).toMatchObject({ os: "linux", config: { Cmd: ["cat", "/etc/made"] }, rootfs: { diff_ids: [] }, history: [{}, { empty_layer: true }, {}] });
  expect(skopeo("inspect", "--config", "--raw", at("old")).err).toContain("it has none of its own");
});

test("manifest-digest leaves the signatures out", () => {
  const file = `${newFolder()}/manifest.json`;
  writeFileSync(file, image.manifest);
  expect(done("manifest-digest", file)).toBe(image.digest);
  expect(image.digest).not.toBe(sha256(image.manifest));
});

test("a copy is of schema 2, with a config of its own, and says that its digest is another one", () => {
  const folder = newFolder();
  const copied = skopeo("copy", `${at("old")}@${image.digest}`, `dir:${folder}/dir`);
  expect(copied).toMatchObject({ status: 0, err: expect.stringContaining("written as schema 2, under another digest") });
  const manifest = JSON.parse(readFileSync(`${folder}/dir/manifest.json`, "utf8"));
  expect(manifest.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
  expect(manifest.layers.map((layer: { digest: string }) => layer.digest)).toEqual([...image.blobs.keys()].filter((_, place) => place !== 1));
  const config = JSON.parse(readFileSync(`${folder}/dir/${manifest.config.digest.slice(7)}`, "utf8"));
  expect(config.rootfs.diff_ids).toEqual([sha256(busyboxLayer()), sha256(upper)]);
  expect(config.history).toHaveLength(3);
  expect(config.history[1]).toEqual({ created: "2020-01-02T00:00:00Z", created_by: "/bin/sh -c step 1", empty_layer: true });
  expect(config.config.Cmd).toEqual(["cat", "/etc/made"]);
  expect(Object.keys(config)).not.toContain("id");
  done("copy", at("old"), `oci:${folder}/oci:x`);
  expect(JSON.parse(done("inspect", "--raw", `oci:${folder}/oci:x`)).mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
});

test("podman pulls and runs it", () => {
  ok("pull", "-q", "127.0.0.1:5000/old");
  expect(ok("run", "--rm", "--network", "none", "127.0.0.1:5000/old")).toBe("by schema 1");
});

test("where the digest is to be kept, it is refused, and nothing is written", () => {
  const folder = newFolder();
  const refused = skopeo("copy", "--preserve-digests", at("old"), `dir:${folder}/dir`);
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining("Docker schema 1 is made into schema 2") });
  expect(existsSync(`${folder}/dir/manifest.json`)).toBe(false);
  expect(skopeo("copy", "--format", "v2s1", at("old"), `dir:${folder}/dir`).err).toContain("cannot write Docker schema 1 manifests");
});

const text = new TextDecoder().decode(image.payload);
const broken: readonly [string, string, string][] = [
  ["layers without history", text.replace('"history"', '"story"'), '\\"history\\" is empty'],
  ["a layer's name that is none", text.replace("sha256:", "sha256:../"), "is not ALGORITHM:HEX"],
  ["an entry that is no JSON", text.replace('"{', '"['), "not JSON"],
  ["fields of two schemas", text.replace('"fsLayers"', '"config": {}, "fsLayers"'), "fields of other kinds"],
  ["a signature of more than there is", text.replace(/\}$/, `,"signatures":[{"protected":"${Buffer.from('{"formatLength":99999999,"formatTail":"fQ"}').toString("base64url")}"}]}`), "more than there is"],
  ["a signature without a header", text.replace(/\}$/, ',"signatures":[{}]}'), "protected"],
];
for (const [what, manifest, why] of broken) {
  test(`${what} is refused, and nothing is left`, () => {
    const folder = newFolder();
    for (const [digest, bytes] of image.blobs) writeFileSync(`${folder}/${digest.slice(7)}`, bytes);
    writeFileSync(`${folder}/version`, "Directory Transport Version: 1.1\n");
    writeFileSync(`${folder}/manifest.json`, manifest);
    const scratch = newFolder();
    const refused = skopeo("--tmpdir", scratch, "copy", `dir:${folder}`, `oci:${scratch}/out:x`);
    expect(refused).toMatchObject({ status: 1, err: expect.stringContaining(why) });
    expect(readdirSync(scratch).filter(name => name.startsWith("coracle-"))).toEqual([]);
  });
}

test("a layer with other bytes than its name says is refused", () => {
  const folder = newFolder();
  for (const [digest, bytes] of image.blobs) writeFileSync(`${folder}/${digest.slice(7)}`, bytes.map(byte => byte ^ 1));
  writeFileSync(`${folder}/version`, "Directory Transport Version: 1.1\n");
  writeFileSync(`${folder}/manifest.json`, image.manifest);
  expect(skopeo("copy", `dir:${folder}`, `oci:${folder}-out:x`)).toMatchObject({ status: 1, err: expect.stringContaining("another digest") });
});
