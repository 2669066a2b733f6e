// system adopt: a store as Podman makes it is planned, brought over, and passed over the second time; it is never written to.

import { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman, shell } from "../fixtures/coracle.ts";
import { worldFolder } from "../fixtures/place.ts";
import { tarOf } from "../fixtures/tar.ts";

const sha = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const put = (path: string, data: string | Uint8Array): void => {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, data);
};

/** One image of one layer, whose only file is in the tree and not in the tar-split data; a volume, a network and two secrets. */
function podmanStore(root: string): { id: string } {
  const body = "from podman\n";
  const tar = tarOf([{ name: "hello", body }]);
  const layer = "1".repeat(64);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const split = [
    { type: 2, payload: base64(tar.subarray(0, 512)), position: 0 },
    { type: 1, name: "hello", size: body.length, payload: "AAAAAAAAAAA=", position: 1 },
    { type: 2, payload: base64(tar.subarray(512 + body.length)), position: 2 },
  ].map(line => `${JSON.stringify(line)}\n`).join("");
  put(`${root}/overlay-layers/${layer}.tar-split.gz`, Bun.gzipSync(new TextEncoder().encode(split)));
  put(`${root}/overlay-layers/layers.json`, JSON.stringify([{ id: layer, "diff-digest": `sha256:${sha(tar)}`, "diff-size": tar.length }]));
  put(`${root}/overlay/${layer}/diff/hello`, body);
  const config = JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [`sha256:${sha(tar)}`] } });
  const id = sha(config);
  put(`${root}/overlay-images/${id}/=${base64(new TextEncoder().encode(`sha256:${id}`))}`, config);
  const manifest = { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: `sha256:${sha("gone")}`, size: 9 }],
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: `sha256:${id}`, size: config.length } };
  put(`${root}/overlay-images/${id}/manifest`, JSON.stringify(manifest));
  put(`${root}/overlay-images/images.json`, JSON.stringify([{ id, names: ["localhost/moved:1"], layer }]));
  put(`${root}/volumes/keep/_data/file`, "kept\n");
  const db = new Database(`${root}/db.sql`);
  db.run("CREATE TABLE VolumeConfig (Name TEXT PRIMARY KEY NOT NULL, StorageID TEXT, JSON TEXT NOT NULL)");
  const insert = db.query("INSERT INTO VolumeConfig VALUES (?, NULL, ?)");
  insert.run("keep", Buffer.from(JSON.stringify({ name: "keep", volumeDriver: "local", labels: { a: "b" } })));
  insert.run("odd", JSON.stringify({ name: "odd", volumeDriver: "plugged" }));
  db.close();
  put(`${root}/networks/moved.json`, JSON.stringify({
    name: "moved", id: "2".repeat(64), driver: "bridge", network_interface: "podman7", created: "2026-01-01T00:00:00Z", subnets: [{ subnet: "10.44.0.0/24", gateway: "10.44.0.1" }],
    ipv6_enabled: false, internal: false, dns_enabled: true, ipam_options: { driver: "host-local" },
  }));
  put(`${root}/secrets/secrets.json`, JSON.stringify({ secrets: { a1: { name: "word", driver: "file", labels: { k: "v" }, driverOptions: { path: "/moved/away" } }, b2: { name: "far", driver: "pass" } } }));
  put(`${root}/secrets/filedriver/secretsdata.json`, JSON.stringify({ a1: Buffer.from("hush").toString("base64") }));
  return { id };
}

test("a store of podman's is planned, comes over as it was, once, and stays as it was", () => {
  const root = join(worldFolder(), "tmp", "podman-store");
  const { id } = podmanStore(root);
  const sum = () => shell(`cd ${root} && find . -type f -exec sha256sum {} + | sort`).out;
  const before = sum();
  const shown = [`image ${id.slice(0, 12)} localhost/moved:1`, "volume keep", "network moved", "secret word"];
  const left = ["left volume odd: its driver plugged is not supported", "left secret far: its driver pass keeps it under podman's ID"];
  const adopt = (...words: string[]) => ok("system", "adopt", "--from", root, ...words).split("\n").sort();
  expect(adopt("--dry-run")).toEqual([...left, ...shown.map(one => `would adopt ${one}`)].sort());
  expect(ok("images", "-q") + ok("volume", "ls", "-q") + ok("secret", "ls", "-q")).toBe("");
  expect(adopt()).toEqual([...left, ...shown.map(one => `adopted ${one}`)].sort());
  expect(adopt()).toEqual([...left, ...shown.map(one => `here ${one}`)].sort());
  expect(ok("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")).toBe(`sha256:${id} localhost/moved:1`);
  expect(readFileSync(`${ok("image", "mount", "localhost/moved:1")}/hello`, "utf8")).toBe("from podman\n");
  ok("image", "unmount", "-a");
  expect(readFileSync(`${ok("volume", "inspect", "--format", "{{.Mountpoint}}", "keep")}/file`, "utf8")).toBe("kept\n");
  expect(ok("volume", "inspect", "--format", "{{.Labels}}", "keep")).toBe("map[a:b]");
  expect(ok("network", "inspect", "--format", "{{.ID}} {{(index .Subnets 0).Subnet}}", "moved")).toBe(`${"2".repeat(64)} 10.44.0.0/24`);
  expect(ok("secret", "inspect", "--showsecret", "--format", "{{.SecretData}} {{.Spec.Labels}}", "word")).toBe("hush map[k:v]");
  expect(sum()).toBe(before);
});

test("a layer whose files have changed is not let in, and nothing of its image shows", () => {
  const root = join(worldFolder(), "tmp", "podman-store-2");
  podmanStore(root);
  ok("rmi", "-f", "localhost/moved:1");
  writeFileSync(`${root}/overlay/${"1".repeat(64)}/diff/hello`, "forged text!\n".slice(0, 12));
  const ran = podman("system", "adopt", "--from", root);
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/cannot adopt image .*: /);
  expect(ok("images", "-aq")).toBe("");
});

test("a root without a store is refused", () => {
  expect(podman("system", "adopt", "--from", "/nowhere")).toMatchObject({ status: 125, err: expect.stringContaining("no store of podman's is there") });
});
