// podman images, tag, untag, rmi, image exists/inspect/ls/rm, history.
// Source: podman-images(1), podman-tag(1), podman-rmi(1).

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mustRun, ok, podman } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry(["busybox", "ubi8"]);

test("the list has podman's columns, templates, JSON and filters", () => {
  expect(ok("images").split("\n")[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE *$/);
  expect(ok("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n").sort())
    .toEqual(["127.0.0.1:5000/busybox:latest", "registry.access.redhat.com/ubi8:latest"]);
  expect(ok("images", "-q", "--no-trunc").split("\n").every(line => /^sha256:[0-9a-f]{64}$/.test(line))).toBe(true);
  const rows = JSON.parse(ok("images", "--format", "json")) as { Id: string; Names: string[]; Digest: string; Size: number }[];
  expect(rows.length).toBe(2);
  expect(rows.every(row => row.Digest.startsWith("sha256:") && row.Size > 1_000_000)).toBe(true);
  expect(ok("images", "--format", "{{.Repository}}", "--filter", "reference=*busybox*")).toBe("127.0.0.1:5000/busybox");
  expect(ok("images", "-n", "busybox")).toMatch(/^127\.0\.0\.1:5000\/busybox/);
});

test("tags come and go, and rmi of one name leaves the image under the other", () => {
  ok("tag", IMAGE, "localhost/mine:1", "other");
  expect(ok("image", "exists", "mine:1")).toBe("");
  expect(ok("images", "-n", "--format", "{{.Repository}}:{{.Tag}}", "other").split("\n").sort())
    .toEqual(["127.0.0.1:5000/busybox:latest", "localhost/mine:1", "localhost/other:latest"]);
  expect(ok("rmi", "mine:1")).toBe("Untagged: localhost/mine:1");
  ok("untag", "other", "localhost/other:latest");
  expect(podman("image", "exists", "other").status).toBe(1);
  expect(podman("image", "exists", IMAGE).status).toBe(0);
  expect(podman("tag", "nosuchimage", "x").status).toBe(125);
  expect(podman("tag", IMAGE, "UPPER CASE").status).toBe(125);
});

test("inspect gives the image's own data, by name, ID and shortened ID", () => {
  const [image] = JSON.parse(ok("image", "inspect", "ubi8"));
  expect(image.RepoTags).toEqual(["registry.access.redhat.com/ubi8:latest"]);
  expect(image.RootFS.Layers.length).toBe(2);
  expect(image.Config.Labels.name).toBe("ubi8");
  expect(ok("inspect", "--format", "{{.Id}}", image.Id.slice(0, 7))).toBe(image.Id);
  expect(ok("inspect", "--type", "image", "--format", "{{.Os}}/{{.Architecture}}", "ubi8")).toMatch(/^linux\/(amd64|arm64)$/);
  expect(ok("history", "--format", "{{.CreatedBy}}", "ubi8").split("\n")).toEqual(["layer 2", "layer 1"]);
  const missing = podman("image", "inspect", "nosuch");
  expect(missing.status).toBe(125);
  expect(missing.err).toMatch(/nosuch: image not known/);
});

test("rmi refuses an image in use and with --force takes the container too", () => {
  ok("create", "--name", "user", IMAGE);
  const ran = podman("rmi", IMAGE);
  expect(ran.status).toBe(2);
  expect(ran.err).toMatch(/image used by [0-9a-f]{64}: image is in use by a container/);
  ok("rmi", "-f", IMAGE);
  expect(podman("container", "exists", "user").status).toBe(1);
  expect(podman("rmi", IMAGE).status).toBe(1);
  ok("pull", "-q", IMAGE);
});

test("where an archive cannot be written or read, that is said before anything is copied", () => {
  expect(podman("save", "-o", "/nowhere/x.tar", IMAGE)).toMatchObject({ status: 125, out: "", err: 'Error: opening file "/nowhere/x.tar": open /nowhere/x.tar: no such file or directory\n' });
  expect(podman("load", "-i", "/nowhere/x.tar")).toMatchObject({ status: 125, err: "Error: faccessat /nowhere/x.tar: no such file or directory\n" });
  expect(podman("save", "--format", "zip", IMAGE).err).toContain("format value must be one of docker-archive oci-archive oci-dir docker-dir");
});

test("an imported tarball says so in its history, with a size that stands in one word", () => {
  Bun.spawnSync(["tar", "-C", "/etc", "-cf", "/tmp/one.tar", "hostname"]);
  ok("import", "-q", "/tmp/one.tar", "one");
  expect(ok("history", "--format", "{{.Comment}}|{{.Size}}", "one")).toMatch(/^imported from tarball\|[0-9.]+k?B$/);
});

test("what cannot be saved whole leaves no archive", () => {
  ok("pull", "-q", IMAGE);
  const folder = newFolder("saved");
  const manifest = JSON.parse(mustRun(["skopeo", "inspect", "--raw", `containers-storage:${IMAGE}`])) as { layers: { digest: string }[] };
  const blob = `/var/lib/containers/coracle/blobs/sha256/${manifest.layers[0]!.digest.slice(7)}`;
  const kept = readFileSync(blob);
  writeFileSync(blob, Buffer.from(kept).fill(0, 200, 260));
  const ran = podman("save", "-o", `${folder}/part.tar`, IMAGE);
  writeFileSync(blob, kept);
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/broken gzip data|another digest/);
  expect(existsSync(`${folder}/part.tar`)).toBe(false);
  ok("save", "-q", "-o", `${folder}/whole.tar`, IMAGE);
  ok("save", "-q", "-o", `${folder}/again.tar`, IMAGE);
  const before = readFileSync(`${folder}/again.tar`);
  expect(podman("save", "-q", "-o", `${folder}/again.tar`, IMAGE)).toMatchObject({ status: 125, err: expect.stringContaining("Error: docker-archive doesn't support modifying existing images\n") });
  expect(readFileSync(`${folder}/again.tar`).equals(before)).toBe(true);
  expect(mustRun(["sh", "-c", `podman save -q ${IMAGE} | cmp - ${folder}/whole.tar && cmp ${folder}/whole.tar ${folder}/again.tar`])).toBe("");
  expect(mustRun(["tar", "-tf", `${folder}/whole.tar`]).trim().split("\n").at(-1)).toBe("manifest.json");
});
