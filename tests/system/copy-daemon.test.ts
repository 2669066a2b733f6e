// docker-daemon: images go to a real dockerd and come back.
// Source: containers-transports(5), "docker-daemon:".

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mustRun, ok, run } from "../fixtures/coracle.ts";
import { startDockerd, type Dockerd } from "../fixtures/dockerd.ts";
import { busybox, ubi8 } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";

const skopeo = (...words: string[]) => run(["skopeo", ...words]);
const done = (...words: string[]): string => mustRun(["skopeo", ...words]);
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;

let registry: Registry;
let daemon: Dockerd;
let to: string[];
let from: string[];
const image = ubi8();
const diffIds: string[] = JSON.parse(new TextDecoder().decode(image.blobs.get(JSON.parse(new TextDecoder().decode(image.manifest)).config.digest)!)).rootfs.diff_ids;

beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(image, "ubi8");
  await registry.push(busybox({ form: "oci", compression: "zstd" }), "zstd");
  daemon = await startDockerd();
  to = ["--dest-daemon-host", daemon.host];
  from = ["--src-daemon-host", daemon.host];
}, 120_000);
afterAll(async () => {
  await daemon?.stop();
  await registry?.stop();
});

const seenByDocker = async (name: string): Promise<any> => (await daemon.request(`/images/${name}/json`)).json();

test("an image of a registry lands in the daemon, layer for layer, and comes back", async () => {
  done("copy", ...to, at("ubi8"), "docker-daemon:registry.test/ubi8:1");
  const seen = await seenByDocker("registry.test/ubi8:1");
  expect(seen.RootFS.Layers).toEqual(diffIds);
  expect(seen.Config.Cmd).toEqual(["/bin/bash"]);
  const folder = newFolder();
  done("copy", ...from, "docker-daemon:registry.test/ubi8:1", `oci:${folder}/oci:x`);
  expect(JSON.parse(done("inspect", "--config", `oci:${folder}/oci:x`)).rootfs.diff_ids).toEqual(diffIds);
  expect(JSON.parse(done("inspect", "--daemon-host", daemon.host, "docker-daemon:registry.test/ubi8:1")).Layers).toHaveLength(diffIds.length);
}, 60_000);

test("an image goes from our store to the daemon and back by its ID, and runs", async () => {
  ok("pull", "-q", "127.0.0.1:5000/zstd");
  done("copy", ...to, "containers-storage:127.0.0.1:5000/zstd", "docker-daemon:zstd:2");
  const { Id } = await seenByDocker("zstd:2");
  done("copy", ...from, `docker-daemon:${Id}`, "containers-storage:localhost/back:1");
  expect(ok("run", "--rm", "--network", "none", "localhost/back:1", "echo", "hello")).toBe("hello");
}, 60_000);

test("podman pushes to it and pulls from it by DOCKER_HOST", async () => {
  const env = { DOCKER_HOST: daemon.host };
  ok("pull", "-q", "127.0.0.1:5000/ubi8");
  expect(run(["podman", "push", "-q", "127.0.0.1:5000/ubi8", "docker-daemon:pushed:3"], { env })).toMatchObject({ status: 0 });
  expect((await seenByDocker("pushed:3")).RootFS.Layers).toEqual(diffIds);
  ok("rmi", "-f", "127.0.0.1:5000/ubi8");
  expect(run(["podman", "pull", "-q", "docker-daemon:pushed:3"], { env })).toMatchObject({ status: 0 });
}, 60_000);

test("what is not there, a name without a tag, and a daemon that is not there are one error each", () => {
  const folder = newFolder();
  expect(skopeo("copy", ...from, "docker-daemon:none:1", `dir:${folder}/a`)).toMatchObject({ status: expect.any(Number), err: expect.stringMatching(/No such image|reference does not exist/i) });
  expect(skopeo("copy", ...from, `docker-daemon:sha256:${"0".repeat(64)}`, `dir:${folder}/b`).status).not.toBe(0);
  expect(skopeo("copy", at("ubi8"), "--dest-daemon-host", "unix:///run/none.sock", "docker-daemon:x:1").err).toContain("Is the docker daemon running?");
});
