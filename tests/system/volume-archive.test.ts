// podman volume export, import, mount and unmount: a volume's files from outside.
// Source: podman-volume-export(1), podman-volume-import(1), podman-volume-mount(1).

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ok, podman, shell } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("what one volume holds, another gets through an archive, file or stream, packed or not", () => {
  ok("run", "--rm", "--network", "none", "-v", "one:/data", IMAGE, "sh", "-c", "echo hello > /data/f; mkdir -m 700 /data/d; chown 5:6 /data/d; ln -s f /data/l");
  ok("volume", "create", "two");
  ok("volume", "create", "three");
  ok("volume", "export", "one", "--output", "one.tar");
  ok("volume", "import", "two", "one.tar");
  expect(shell("podman volume export one | gzip | podman volume import three -").status).toBe(0);
  for (const name of ["two", "three"]) {
    expect(ok("run", "--rm", "--network", "none", "-v", `${name}:/data`, IMAGE, "sh", "-c", "cat /data/l; stat -c '%a %u:%g' /data/d")).toBe("hello\n700 5:6");
  }
  ok("volume", "rm", "one", "two", "three");
});

test("mount answers the place, unmount the name", () => {
  ok("volume", "create", "v");
  const place = ok("volume", "mount", "v");
  ok("run", "--rm", "--network", "none", "-v", "v:/data", IMAGE, "sh", "-c", "echo x > /data/f");
  expect(readFileSync(`${place}/f`, "utf8")).toBe("x\n");
  expect(ok("volume", "unmount", "v")).toBe("v");
  ok("volume", "rm", "v");
});

test("a volume that is a mount itself is mounted for it and not longer", () => {
  ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "t");
  const place = ok("volume", "mount", "t");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).toContain(place);
  ok("volume", "unmount", "t");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(place);
  ok("volume", "export", "t", "-o", "t.tar");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(place);
  ok("volume", "rm", "t");
});

test("refuses what is no archive, no file and no volume", () => {
  ok("volume", "create", "v");
  expect(shell("echo this is no archive | podman volume import v -").status).toBe(125);
  expect(podman("volume", "import", "v", "/nosuch").err).toContain("no such file or directory");
  expect(podman("volume", "export", "nosuch").err).toContain("no such volume");
  ok("volume", "rm", "v");
});
