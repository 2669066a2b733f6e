// Volumes as run makes them: named ones stay, anonymous ones go with --rm, image content is copied up.
// Source: podman-run(1), "--volume".
// Worlds: root, user.

import { expect, test } from "bun:test";
import { ok, podman } from "../fixtures/coracle.ts";
import { makeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { tarOf } from "../fixtures/tar.ts";

const registry = withRegistry();

test("a named volume takes over what the image has there, once", () => {
  expect(ok("run", "--rm", "--network", "none", "-v", "copy:/etc", IMAGE, "sh", "-c", "ls /etc/passwd; echo mine > /etc/os-release")).toBe("/etc/passwd");
  expect(ok("run", "--rm", "--network", "none", "-v", "copy:/etc", IMAGE, "cat", "/etc/os-release")).toBe("mine");
  expect(ok("run", "--rm", "--network", "none", "-v", "empty:/etc:nocopy", IMAGE, "sh", "-c", "ls /etc/passwd 2>&1 || true")).toMatch(/No such file|\/etc\/passwd/);
});

test("a VOLUME of the image is an anonymous volume that --rm removes", async () => {
  const image = makeImage({ layers: [busyboxLayer(), tarOf([{ name: "data/", kind: "directory" }, { name: "data/f", body: "from the image\n" }])], config: { Volumes: { "/data": {} } } });
  await registry().push(image, "volumed");
  ok("pull", "-q", "127.0.0.1:5000/volumed");
  expect(ok("run", "--name", "v", "--network", "none", "127.0.0.1:5000/volumed", "cat", "/data/f")).toBe("from the image");
  const [mount] = JSON.parse(ok("inspect", "--format", "{{json .Mounts}}", "v"));
  expect(mount).toMatchObject({ Type: "volume", Destination: "/data" });
  ok("rm", "-v", "v");
  expect(podman("run", "--rm", "-v", `${mount.Name}:/x:z`, "--network", "none", IMAGE, "ls", "/x").out).toBe("");
});

test("a volume with a wrong option, a relative target or a clash is refused", () => {
  for (const value of ["/tmp:/m:nosuchoption", "x:relative", ":/m", "a:b:c:d"]) {
    const ran = podman("run", "--rm", "-v", value, IMAGE, "true");
    expect([value, ran.status, ran.err]).toEqual([value, 125, expect.stringMatching(/^Error: /)]);
  }
  expect(podman("run", "--rm", "-v", "/tmp:/m", "--tmpfs", "/m", IMAGE, "true").err).toMatch(/duplicate mount destination/);
});
