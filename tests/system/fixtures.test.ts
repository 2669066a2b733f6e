// The tests' own house: the world, the registry and the images are what the system tests take them to be.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { onTerminal, run } from "../fixtures/coracle.ts";
import { busybox, ubi8 } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";

let plain: Registry;
beforeAll(async () => {
  plain = await startRegistry();
});
afterAll(() => plain.stop());

test("the registry gives back what was pushed", async () => {
  const image = busybox();
  await plain.push(image, "busybox");
  const got = await plain.request("/v2/busybox/manifests/latest", { headers: { accept: image.mediaType } });
  expect(got.headers.get("docker-content-digest")).toBe(image.digest);
});

test("the ubi8 stand-in has bash and coreutils that run in a root of their own", () => {
  const root = newFolder("root");
  for (const [, layer] of [...ubi8().blobs].filter(([, bytes]) => bytes[0] === 0x1f)) {
    Bun.spawnSync(["tar", "-xz", "-C", root], { stdin: layer as Uint8Array<ArrayBuffer> });
  }
  const ran = run(["chroot", root, "bash", "-c", "i=0; i=$(expr $i + 1); sleep 0; echo $i $(id -u) $(ls / | wc -w)"]);
  expect(ran.err).toBe("");
  expect(ran.out).toMatch(/^1 0 \d+\n$/);
});

test("a registry with a password and its own authority refuses strangers", async () => {
  const closed = await startRegistry({ port: 5001, tls: true, user: { name: "anna", password: "secret" } });
  try {
    expect((await closed.request("/v2/")).status).toBe(200);
    const stranger = await fetch(`${closed.url}/v2/`, { tls: { ca: readFileSync(closed.authority!, "utf8") } });
    expect(stranger.status).toBe(401);
    expect(fetch(`${closed.url}/v2/`)).rejects.toThrow();
  } finally {
    await closed.stop();
  }
});

test("the tar maker writes names that climb and links that lead away", () => {
  const tar = tarOf([{ name: "../../etc/passwd", body: "x" }, { name: "link", kind: "symlink", target: "/etc" }]);
  const listed = Bun.spawnSync(["tar", "-tvPf", "-"], { stdin: tar as Uint8Array<ArrayBuffer> }).stdout.toString();
  expect(listed).toContain("../../etc/passwd");
  expect(listed).toContain("link -> /etc");
});

test("the world has a network and processes of its own", () => {
  expect(run(["ip", "-o", "link"]).out).toMatch(/: lo:/);
  expect(existsSync("/proc/1/comm") && readFileSync("/proc/1/comm", "utf8")).toMatch(/world\.sh|bash/);
});

test("the terminal of the tests tells its size and the exit status", async () => {
  const terminal = onTerminal(["bash", "--norc"], { columns: 91, rows: 31 });
  terminal.type("stty size; exit 5\n");
  await terminal.see(/31 91/);
  expect(await terminal.end()).toBe(5);
});
