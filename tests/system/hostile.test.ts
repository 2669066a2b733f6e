// Images that lie or attack, and a disk that fills: one clear error each, nothing visible, nothing left, nothing outside touched.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { begin, mustRun, ok, podman, run, storeListing, until } from "../fixtures/coracle.ts";
import { type MadeImage, makeImage } from "../fixtures/image.ts";
import { busyboxLayer, heavy } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { blobFile } from "../fixtures/registry.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { type Entry, tarOf } from "../fixtures/tar.ts";

const registry = withRegistry();
const hostPasswd = readFileSync("/etc/passwd", "utf8");
let before: string[] = [];
beforeEach(() => void (before = storeListing()));
afterAll(() => expect(readFileSync("/etc/passwd", "utf8")).toBe(hostPasswd));

/** Pulls what must fail; gives the error after seeing that it left nothing. */
function refused(name: string): string {
  const ran = podman("pull", "--retry", "0", `127.0.0.1:5000/${name}`);
  expect([ran.status, ran.out, ran.err.split("\n").filter(line => line.startsWith("Error:")).length]).toEqual([125, "", 1]);
  expect(ok("images", "-n", "--format", "{{.Repository}}", "--filter", `reference=*${name}*`)).toBe("");
  const leftBehind = storeListing().filter(path => !before.includes(path) && !/blobs|cache|partial|coracle\.db|\.lock|\/tmp$/.test(path));
  expect(leftBehind).toEqual([]);
  return ran.err;
}

/** Runs what pulls or is refused, and looks from outside. */
async function attack(name: string, entries: readonly Entry[]): Promise<string> {
  await registry().push(makeImage({ layers: [busyboxLayer(), tarOf(entries)] }), name);
  const ran = podman("pull", "-q", `127.0.0.1:5000/${name}`);
  return ran.status === 0 ? "" : ran.err;
}

async function pushed(name: string, image: MadeImage): Promise<MadeImage> {
  await registry().push(image, name);
  return image;
}

test("a manifest whose digest lies is refused", async () => {
  const image = await pushed("lying-manifest", makeImage({ layers: [busyboxLayer()], config: { Labels: { a: "lying manifest" } } }));
  writeFileSync(blobFile(registry(), image.digest), readFileSync(blobFile(registry(), image.digest), "utf8").replace('"schemaVersion":2', '"schemaVersion": 2'));
  const ran = podman("pull", "--retry", "0", `127.0.0.1:5000/lying-manifest@${image.digest}`);
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/digest|manifest/i);
});

test("a layer whose bytes are not its digest's is refused", async () => {
  const image = await pushed("lying-layer", makeImage({ layers: [busyboxLayer(), tarOf([{ name: "lies", body: "a" }])] }));
  const digest = [...image.blobs.keys()][1]!;
  const bytes = readFileSync(blobFile(registry(), digest));
  writeFileSync(blobFile(registry(), digest), gzipSync(tarOf([{ name: "lies", body: "b" }])).subarray(0, bytes.length));
  expect(refused("lying-layer")).toMatch(/digest|sha256|size|length|ended|truncated|unexpected/i);
});

test("a layer cut short is refused", async () => {
  const image = await pushed("cut", makeImage({ layers: [busyboxLayer(), tarOf([{ name: "big", body: Buffer.alloc(300_000, 7) }])], compression: "none" }));
  const digest = [...image.blobs.keys()][1]!;
  writeFileSync(blobFile(registry(), digest), readFileSync(blobFile(registry(), digest)).subarray(0, 100_000));
  refused("cut");
});

test("a layer whose uncompressed digest is not the config's is refused", async () => {
  const honest = makeImage({ layers: [busyboxLayer(), tarOf([{ name: "x", body: "1" }])] });
  const other = makeImage({ layers: [busyboxLayer(), tarOf([{ name: "x", body: "2" }])] });
  const manifest = JSON.parse(new TextDecoder().decode(honest.manifest));
  manifest.layers = JSON.parse(new TextDecoder().decode(other.manifest)).layers;
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  await pushed("wrong-diff", { ...honest, manifest: bytes, blobs: new Map([...honest.blobs, ...other.blobs]) });
  expect(refused("wrong-diff")).toMatch(/digest|diff/i);
});

test("a name that climbs out writes nothing outside", async () => {
  const said = await attack("climber", [{ name: "../../../../../../../../etc/passwd", body: "evil" }, { name: "/etc/absolute", body: "evil" }]);
  expect(said).toMatch(/^$|Error: /);
  expect(readFileSync("/etc/passwd", "utf8")).toBe(hostPasswd);
  expect(existsSync("/etc/absolute")).toBe(false);
});

test("writing through an absolute or climbing symlink stays inside", async () => {
  const outside = newFolder("outside");
  await attack("linker", [
    { name: "way", kind: "symlink", target: outside }, { name: "way/evil", body: "evil" },
    { name: "up", kind: "symlink", target: "../../../../../../../.." }, { name: `up${outside}/evil2`, body: "evil" },
    { name: "proc-link", kind: "symlink", target: "/proc/self/root" }, { name: `proc-link${outside}/evil3`, body: "evil" },
  ]);
  expect(run(["ls", "-A", outside]).out).toBe("");
});

test("a hard link out of the layer gives no way to the file", async () => {
  const outside = join(newFolder("outside"), "secret");
  writeFileSync(outside, "secret");
  const said = await attack("hard", [{ name: "grab", kind: "hardlink", target: `../../../../../../../..${outside}` }, { name: "grab", body: "evil" }]);
  expect(said).toMatch(/^$|Error: /);
  expect(readFileSync(outside, "utf8")).toBe("secret");
  expect(run(["stat", "-c", "%h", outside]).out).toBe("1\n");
});

test("a whiteout cannot remove what lies outside", async () => {
  const folder = newFolder("outside");
  writeFileSync(join(folder, "f"), "");
  await attack("whiteout", [{ name: "way", kind: "symlink", target: folder }, { name: "way/.wh.f", body: "" }, { name: `../../../../../../..${folder}/.wh.f`, body: "" }]);
  expect(existsSync(join(folder, "f"))).toBe(true);
});

test("a device node is kept in the layer and cannot be opened in a container", async () => {
  expect(await attack("device", [{ name: "disk", kind: "block", device: [8, 0], mode: 0o666 }])).toBe("");
  const ran = podman("run", "--rm", "--network", "none", "127.0.0.1:5000/device", "head", "-c", "1", "/disk");
  expect(ran.status).not.toBe(0);
  expect(ran.err).toMatch(/not permitted|No such device|Permission denied/);
});

test("a tar of nonsense and a gzip of nonsense are refused", async () => {
  await registry().push(makeImage({ layers: [Buffer.alloc(4096, 0xa5)] }), "nonsense");
  refused("nonsense");
  await registry().push(makeImage({ layers: [Buffer.alloc(4096, 0xa5)], compression: "none", layerMediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }), "not-gzip");
  refused("not-gzip");
});

test("JSON that is too deep or of the wrong shape is refused", async () => {
  const shapes = { deep: "[".repeat(100_000), list: "[]", empty: "", "no-layers": '{"schemaVersion":2,"config":{}}', string: '"manifest"' };
  for (const [name, text] of Object.entries(shapes)) {
    const fake = Bun.serve({ port: 5077, hostname: "127.0.0.1", fetch: asked => new URL(asked.url).pathname === "/v2/" ? new Response("{}")
      : new Response(text, { headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" } }) });
    const pulling = begin(["podman", "pull", "--retry", "0", "--tls-verify=false", `127.0.0.1:5077/${name}`]);
    const status = await pulling.exited;
    fake.stop(true);
    expect([name, status, pulling.err()]).toEqual([name, 125, expect.stringMatching(/Error: /)]);
    expect(pulling.err()).not.toMatch(/\bat .*\.ts:|TypeError|SyntaxError|undefined is not/);
  }
});

/** A small disk as the store's, without touching the world's own. */
function smallDisk(megabytes: number): string[] {
  const folder = newFolder("small");
  mustRun(["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
  return ["--root", join(folder, "root"), "--runroot", join(newFolder("small-run"), "run")];
}

test("a gzip bomb on a small disk ends in one error and gives the space back", async () => {
  const bomb = tarOf([{ name: "zeros", body: Buffer.alloc(200_000_000) }]);
  await registry().push(makeImage({ layers: [busyboxLayer(), bomb] }), "bomb");
  const where = smallDisk(30);
  const ran = podman(...where, "pull", "--retry", "0", "127.0.0.1:5000/bomb");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/no space left on device/i);
  expect(ran.err.split("\n").filter(line => line.startsWith("Error:")).length).toBe(1);
  const used = Number(run(["bash", "-c", `df -m --output=used ${where[1]} | tail -1`]).out);
  expect(used).toBeLessThan(8);
  expect(podman(...where, "images", "-q").out).toBe("");
});

test("a full disk stops run with one error, and nothing is lost", () => {
  const where = smallDisk(16);
  expect(podman(...where, "pull", "-q", IMAGE).status).toBe(0);
  // What follows a pull (its bytes' way to the disk, its staging) gives some space back a moment later: that is filled too.
  run(["bash", "-c", `for n in 1 2 3 4 5; do dd if=/dev/zero of=${join(where[1]!, "..")}/filler$n bs=4k 2>/dev/null; sleep 0.3; done`]);
  const ran = podman(...where, "run", "--rm", "--network", "none", IMAGE, "true");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/no space left on device|full/i);
  run(["bash", "-c", `rm -f ${join(where[1]!, "..")}/filler*`]);
  expect(podman(...where, "run", "--rm", "--network", "none", IMAGE, "echo", "back")).toEqual({ status: 0, out: "back\n", err: "" });
});

test("kill -9 in the middle of a pull leaves a sound store, and the next pull goes on from the byte", async () => {
  const image = heavy(2, 20);
  await registry().push(image, "heavy");
  const folder = newFolder("killed");
  mkdirSync(folder, { recursive: true });
  for (let after = 60; after < 300; after += 80) {
    const pulling = begin(["podman", "pull", "-q", "127.0.0.1:5000/heavy"]);
    await Bun.sleep(after);
    pulling.child.kill("SIGKILL");
    await pulling.exited;
    expect(podman("ps", "-a").status).toBe(0);
  }
  expect(ok("pull", "-q", "127.0.0.1:5000/heavy")).toBe(image.id);
  expect(ok("run", "--rm", "--network", "none", "127.0.0.1:5000/heavy", "sh", "-c", "ls /data | wc -l")).toBe("2");
  await until("no staging left", () => storeListing().filter(path => /stag|partial/.test(path) && /\d$/.test(path)).length === 0, 3_000).catch(() => {});
});
