// podman push: byte for byte what was pulled, to other names, to other transports; nothing recompressed.
// Source: podman-push(1).

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman } from "../fixtures/coracle.ts";
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
