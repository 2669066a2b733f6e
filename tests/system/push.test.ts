// podman push: byte for byte what was pulled, to other names, to other transports; nothing recompressed.
// Source: podman-push(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry(["busybox", "ubi8"]);

test("what was pulled is pushed under the same digest, and --digestfile tells it", async () => {
  const digest = ok("image", "inspect", "--format", "{{.Digest}}", "ubi8");
  const file = join(newFolder(), "digest");
  ok("push", "-q", "--digestfile", file, "ubi8", "127.0.0.1:5000/copied/ubi8:v1");
  expect(readFileSync(file, "utf8")).toBe(digest);
  const got = await registry().request("/v2/copied/ubi8/manifests/v1", {
    headers: { accept: "application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json" },
  });
  expect(got.headers.get("docker-content-digest")).toBe(digest);
});

test("an image goes to a directory and an OCI layout and comes back the same", () => {
  const folder = newFolder("layout");
  const id = ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  ok("push", "-q", IMAGE, `oci:${folder}/oci:tag`);
  expect(existsSync(`${folder}/oci/index.json`)).toBe(true);
  expect(ok("pull", "-q", `oci:${folder}/oci:tag`)).toBe(id);
  ok("push", "-q", IMAGE, `dir:${folder}/dir`);
  expect(existsSync(`${folder}/dir/manifest.json`)).toBe(true);
  expect(ok("pull", "-q", `dir:${folder}/dir`)).toBe(id);
});

test("pushing what is not there or to where nobody listens is one error", () => {
  expect(podman("push", "nosuchimage", "127.0.0.1:5000/x").err).toMatch(/image not known/);
  const ran = podman("push", "--retry", "0", "--tls-verify=false", IMAGE, "127.0.0.1:9/x");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/connection refused|unable to connect/i);
});

/** The media types of the layers that a registry has under a name. */
async function layerTypes(path: string): Promise<string[]> {
  const got = await registry().request(`/v2/${path}`, { headers: { accept: "application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json" } });
  return ((await got.json()) as { layers: { mediaType: string }[] }).layers.map(({ mediaType }) => mediaType);
}

test("layers go compressed as --compression-format says, and work when they come back", async () => {
  ok("push", "-q", "--compression-format", "zstd", "--compression-level", "3", IMAGE, "127.0.0.1:5000/zstd:v1");
  expect(await layerTypes("zstd/manifests/v1")).toEqual(["application/vnd.oci.image.layer.v1.tar+zstd"]);
  ok("pull", "-q", "127.0.0.1:5000/zstd:v1");
  expect(ok("run", "--rm", "--network", "none", "127.0.0.1:5000/zstd:v1", "echo", "works")).toBe("works");
  expect(podman("push", "--compression-format", "xz", IMAGE, "127.0.0.1:5000/zstd:v2").err).toContain('cannot compress layers as "xz"');
  expect(podman("push", "--compression-format", "zup", IMAGE, "127.0.0.1:5000/zstd:v2").err).toContain('cannot find compressor for "zup"');
});

test("containers.conf says how layers are compressed, and help shows it", async () => {
  const file = join(newFolder("conf"), "containers.conf");
  writeFileSync(file, '[engine]\ncompression_format = "zstd"\ncompression_level = 2\n');
  const env = { CONTAINERS_CONF_OVERRIDE: file };
  const help = run(["podman", "push", "--help"], { env }).out;
  expect(help).toContain('compression format to use (default "zstd")');
  expect(help).toContain("compression level to use (default 2)");
  expect(ok("push", "--help")).toContain('compression format to use (default "gzip")');
  expect(run(["podman", "push", "-q", IMAGE, "127.0.0.1:5000/zstd:conf"], { env }).status).toBe(0);
  expect(await layerTypes("zstd/manifests/conf")).toEqual(["application/vnd.oci.image.layer.v1.tar+zstd"]);
});

test("--compress packs plain layers on their way to a directory, and is refused elsewhere", () => {
  const folder = newFolder("packed");
  ok("push", "-q", IMAGE, `docker-archive:${folder}/plain.tar:plain:v1`);
  ok("load", "-q", "-i", `${folder}/plain.tar`);
  ok("push", "-q", "--compress", "plain:v1", `dir:${folder}/packed`);
  const { layers } = JSON.parse(readFileSync(`${folder}/packed/manifest.json`, "utf8")) as { layers: { mediaType: string }[] };
  expect(layers[0]!.mediaType).toMatch(/gzip$/);
  expect(podman("push", "--compress", IMAGE, "127.0.0.1:5000/x").err).toContain("--compress can be set only when destination type is 'dir'");
});
