// podman commit: a container's changes as an image.
// Source: podman-commit(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { world } from "../fixtures/caller.ts";
import { ok, podman } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const inspected = (image: string): Record<string, any> => JSON.parse(ok("image", "inspect", image))[0];
const make = (script = "echo new > /added; rm /etc/passwd"): string => ok("run", "--network", "none", "--name", "c", "-e", "A=1", IMAGE, "sh", "-c", script);

test("adds, changes and deletions make one more layer, and a container of the image sees them", () => {
  make("echo new > /added; rm -r /etc; mkdir /etc; echo root:x:0:0::/:/bin/sh > /etc/passwd");
  const id = ok("commit", "-q", "c", "committed");
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  const { Config, RootFS, RepoTags, History } = inspected("committed");
  expect(RootFS.Layers.length).toBe(inspected(IMAGE).RootFS.Layers.length + 1);
  expect(RepoTags).toEqual(["localhost/committed:latest"]);
  expect(Config.Env).toContain("A=1");
  expect(Config.Env.join()).not.toContain("HOSTNAME");
  expect(History.length).toBe((inspected(IMAGE).History ?? []).length + 1);
  expect(History.at(-1).comment).toBe(`FROM ${IMAGE}`);
  expect(ok("run", "--rm", "--network", "none", "committed", "sh", "-c", "cat /added; ls /etc | grep -v -e host -e resolv -e mtab")).toBe("new\npasswd");
});

test("a new name that begins several IDs is a name all the same", () => {
  make();
  const ids = Array.from({ length: 20 }, (_, index) => ok("commit", "-q", "--author", String(index), "c", "committed"));
  const digit = [..."abcdef"].find(one => ids.filter(id => id.startsWith(one)).length > 1)!;
  ok("commit", "-q", "c", digit);
  expect(ok("images", "-q", `localhost/${digit}`)).not.toBe("");
});

test("--change, --author, --message, --squash and --iidfile say what the image is like", () => {
  make();
  ok("commit", "-q", "-f", "docker", "-m", "why", "-a", "me", "-s", "--iidfile", "iid", "-c", "CMD echo hi", "-c", 'ENTRYPOINT ["sh", "-c"]', "-c", "LABEL a=b", "c", "x.test/y:z");
  const found = inspected("x.test/y:z");
  expect(found).toMatchObject({ Author: "me", Comment: "why", Config: { Cmd: ["/bin/sh", "-c", "echo hi"], Entrypoint: ["sh", "-c"], Labels: { a: "b" } } });
  expect(found["RootFS"].Layers.length).toBe(1);
  expect(found["ManifestType"]).toBe("application/vnd.docker.distribution.manifest.v2+json");
  expect(readFileSync(`${process.env["CORACLE_WORLD"]}/tmp/iid`, "utf8")).toBe(found["Id"]);
});

test("--config is merged, and what is no config is refused before an image is made", () => {
  make("true");
  writeFileSync(`${process.env["CORACLE_WORLD"]}/tmp/config`, JSON.stringify({ Labels: { image: "green" } }));
  ok("commit", "-q", "--config", "config", "c", "merged");
  expect(inspected("merged")["Config"].Labels).toEqual({ image: "green" });
  writeFileSync(`${process.env["CORACLE_WORLD"]}/tmp/config`, "trash");
  expect(podman("commit", "-q", "--config", "config", "c", "trash")).toMatchObject({ status: 125 });
  expect(podman("image", "exists", "trash").status).toBe(1);
});

// An ordinary user's containers have no cgroup to pause where the machine is of the first version.
test.if(world === "root" || existsSync("/sys/fs/cgroup/cgroup.controllers"))("a running container is paused for it with --pause, and runs on", () => {
  ok("run", "-d", "--network", "none", "--name", "c", IMAGE, "sleep", "100");
  ok("commit", "-q", "--pause", "c");
  expect(ok("inspect", "--format", "{{.State.Status}}", "c")).toBe("running");
});

test("refuses a message with the OCI format, an unknown format, a bad change and a missing container", () => {
  make("true");
  expect(podman("commit", "-m", "x", "c").err).toBe("Error: messages are only compatible with the docker image format (-f docker)\n");
  expect(podman("commit", "-f", "tar", "c").err).toContain('unrecognized image format "tar"');
  expect(podman("commit", "-c", "RUN x", "c").err).toContain('invalid change "RUN x" - invalid instruction RUN');
  expect(podman("commit", "nosuch").err).toContain("no such container");
});
