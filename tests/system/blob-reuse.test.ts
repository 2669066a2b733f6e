// What was sent to a registry, or came from it, is taken over from there the next time; a memory that is wrong costs an upload and no more.
// Source: OCI distribution-spec 1.1, "Mounting a blob from another repository".
// Worlds: root, user.

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { world } from "../fixtures/caller.ts";
import { begin, mustRun, ok, podman, run, shell } from "../fixtures/coracle.ts";
import { busybox, heavy } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { startTokenServer, type TokenServer } from "../fixtures/token-server.ts";
import { tarOf } from "../fixtures/tar.ts";

const IMAGE = "127.0.0.1:5000/busybox:latest";
const other = "127.0.0.1:5001";
const notes = world === "root" ? "/var/cache/containers/coracle-notes" : `${shell('echo "$HOME"').out.trim()}/.cache/containers/coracle-notes`;
const image = heavy(3, 1);
let first: Registry;
let second: Registry;

beforeAll(async () => {
  first = await startRegistry();
  second = await startRegistry({ port: 5001 });
  await first.push(busybox(), "busybox");
  await first.push(image, "three");
  ok("pull", "-q", IMAGE);
  ok("pull", "-q", "--tls-verify=false", "127.0.0.1:5000/three");
}, 60_000);

afterAll(async () => {
  await first?.stop();
  await second?.stop();
});

beforeEach(() => rmSync(notes, { recursive: true, force: true }));

/** The requests that a registry has answered meanwhile, "METHOD PATH STATUS" without what differs in each run. */
async function requests(registry: Registry, act: () => unknown): Promise<string[]> {
  const before = registry.log().length;
  await act();
  return registry.log().slice(before).split("\n").flatMap(line => {
    const match = /"([A-Z]+) (\/v2\/[^ ]*) HTTP\/1.1" (\d+)/.exec(line);
    return match ? [`${match[1]} ${match[2]!.replace(/\?_state.*|\?digest.*|\?mount.*&from=/, found => (found.startsWith("?mount") ? " from " : "")).replace(/uploads\/[0-9a-f-]{36}/, "uploads/ID")} ${match[3]}`] : [];
  });
}

const push = (target: string, ...more: string[]): string => ok("push", "-q", "--tls-verify=false", ...more, target);
const sent = (lines: readonly string[]): string[] => lines.filter(line => line.startsWith("PUT") && line.includes("/blobs/"));
const mounted = (lines: readonly string[]): string[] => lines.filter(line => line.includes(" from ") && line.endsWith(" 201"));

test("a second push under another name sends no blob, one request for each is enough", async () => {
  const blobs = image.blobs.size;
  expect(sent(await requests(second, () => push(`${other}/reuse/a`, "127.0.0.1:5000/three")))).toHaveLength(blobs);
  const again = await requests(second, () => push(`${other}/reuse/b`, "127.0.0.1:5000/three"));
  expect(sent(again)).toEqual([]);
  expect(mounted(again)).toEqual(Array(blobs).fill("POST /v2/reuse/b/blobs/uploads/ from reuse%2Fa 201"));
  expect(again.filter(line => line.includes("/blobs/"))).toHaveLength(blobs);
  expect(mustRun(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${other}/reuse/b`])).toBe(image.digest);
  const third = await requests(second, () => push(`${other}/reuse/b:again`, "127.0.0.1:5000/three"));
  expect(third.filter(line => line.includes("/blobs/")).map(line => line.split(" ")[0])).toEqual(Array(blobs).fill("HEAD"));
});

test("what was pulled from a registry is mounted in it, and copied from one to another once", async () => {
  const folder = newFolder("pulled");
  mustRun(["skopeo", "copy", "-q", "--src-tls-verify=false", "docker://127.0.0.1:5000/three", `dir:${folder}/x`]);
  const pushed = await requests(first, () => mustRun(["skopeo", "copy", "-q", "--dest-tls-verify=false", `dir:${folder}/x`, "docker://127.0.0.1:5000/reuse/pulled"]));
  expect(sent(pushed)).toEqual([]);
  const copy = (name: string) => () => mustRun(["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://127.0.0.1:5000/three", `docker://${other}/${name}`]);
  copy("reuse/copied")();
  expect(sent(await requests(second, copy("reuse/copied-again")))).toEqual([]);
});

test("a memory of what has gone, or of what never was, ends in an upload without a word, and is corrected", async () => {
  push(`${other}/stale/a`, "127.0.0.1:5000/three");
  await second.stop();
  rmSync(second.data, { recursive: true });
  second = await startRegistry({ port: 5001 });
  const ran = podman("push", "-q", "--tls-verify=false", "127.0.0.1:5000/three", `${other}/stale/a`);
  expect([ran.status, ran.err]).toEqual([0, ""]);
  const file = join(notes, "registries", other);
  const seconds = Math.floor(Date.now() / 1000);
  writeFileSync(file, [...image.blobs.keys()].map(digest => `${seconds} ${digest} never/was\n`).join(""), { mode: 0o666 });
  const lines = await requests(second, () => push(`${other}/stale/b`, "127.0.0.1:5000/three"));
  expect(sent(lines)).toHaveLength(image.blobs.size);
  expect(readFileSync(file, "utf8")).not.toContain("never/was");
  expect(mounted(await requests(second, () => push(`${other}/stale/c`, "127.0.0.1:5000/three")))).toHaveLength(image.blobs.size);
});

for (const [what, text] of [["noise", "\u0000\u0001 sha256:0 \n"], ["lines of other things", "x y z\n1 sha256:zz a\n"], ["a hostile repository", undefined], ["nothing", ""]] as const) {
  test(`notes that hold ${what} are of no consequence`, () => {
    push(`${other}/damaged/a`, "127.0.0.1:5000/three");
    const file = join(notes, "registries", other);
    const lines = [...image.blobs.keys()].map(digest => `${Math.floor(Date.now() / 1000)} ${digest} ../../etc?x=y\n`).join("");
    writeFileSync(file, text ?? lines);
    const ran = podman("push", "-q", "--tls-verify=false", "127.0.0.1:5000/three", `${other}/damaged/b`);
    expect([ran.status, ran.err]).toEqual([0, ""]);
  });
}

test("notes are for their owner's eyes and stay small; old ones count no more", async () => {
  push(`${other}/bounds/a`, "127.0.0.1:5000/three");
  const file = join(notes, "registries", other);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(notes, "registries")).mode & 0o777).toBe(0o700);
  const old = Math.floor(Date.now() / 1000) - 31 * 24 * 3600;
  writeFileSync(file, readFileSync(file, "utf8").replace(/^\d+/gm, String(old)));
  expect(mounted(await requests(second, () => push(`${other}/bounds/b`, "127.0.0.1:5000/three")))).toEqual([]);
  const filler = Array.from({ length: 12_000 }, (_, at) => `${Math.floor(Date.now() / 1000)} sha256:${at.toString(16).padStart(64, "0")} filler/repository\n`).join("");
  writeFileSync(file, filler);
  push(`${other}/bounds/c`, "127.0.0.1:5000/three");
  expect(statSync(file).size).toBeLessThan(1024 * 1024);
  expect(mounted(await requests(second, () => push(`${other}/bounds/d`, "127.0.0.1:5000/three")))).toHaveLength(image.blobs.size);
});

test("a folder that cannot be written fails no push", () => {
  const ran = run(["skopeo", "copy", "-q", "--dest-tls-verify=false", "docker://127.0.0.1:5000/three", `docker://${other}/unwritable/a`, "--src-tls-verify=false"], {
    env: { XDG_CACHE_HOME: "/proc/none" },
  });
  expect([ran.status, ran.err]).toEqual([0, ""]);
});

test("a plain layer that was packed once is found packed where it went, and not packed again", async () => {
  const folder = newFolder("plain");
  const tar = join(folder, "layer.tar");
  writeFileSync(tar, tarOf([{ name: "words", body: "many words ".repeat(200_000) }]));
  const copy = (name: string, ...more: string[]) => () => mustRun(["skopeo", "copy", "-q", "--dest-tls-verify=false", ...more, `tarball:${tar}`, `docker://${other}/${name}`]);
  copy("packed/a")();
  const layer = (name: string): string => (JSON.parse(mustRun(["skopeo", "inspect", "--tls-verify=false", "--raw", `docker://${other}/${name}`])) as { layers: { digest: string }[] }).layers[0]!.digest;
  const lines = await requests(second, copy("packed/b"));
  expect(sent(lines).filter(line => line.includes("packed/b")).length).toBeLessThan(2);
  expect(mounted(lines).length).toBeGreaterThan(0);
  expect(layer("packed/b")).toBe(layer("packed/a"));
  copy("packed/c", "--dest-compress-format", "zstd")();
  expect(layer("packed/c")).not.toBe(layer("packed/a"));
  mustRun(["skopeo", "copy", "-q", "--src-tls-verify=false", `docker://${other}/packed/b`, `oci:${folder}/back:x`]);
});

test("a layer that is to be encrypted is packed anew, as its bytes are needed", () => {
  const folder = newFolder("encrypted");
  const tar = join(folder, "layer.tar");
  writeFileSync(tar, tarOf([{ name: "secret", body: "many secrets ".repeat(1000) }]));
  mustRun(["openssl", "genrsa", "-out", join(folder, "key.pem"), "2048"]);
  mustRun(["openssl", "rsa", "-in", join(folder, "key.pem"), "-pubout", "-out", join(folder, "public.pem")]);
  mustRun(["skopeo", "copy", "-q", "--dest-tls-verify=false", `tarball:${tar}`, `docker://${other}/locked/plain`]);
  mustRun(["skopeo", "copy", "-q", "--dest-tls-verify=false", "--encryption-key", `jwe:${join(folder, "public.pem")}`, `tarball:${tar}`, `docker://${other}/locked/a`]);
  expect(mustRun(["skopeo", "inspect", "--tls-verify=false", "--raw", `docker://${other}/locked/a`])).toContain("+encrypted");
});

test("a repository that the credentials cannot read is no reason to fail, and its scope is asked for", async () => {
  const tokens: TokenServer = startTokenServer((person, repository) => person === "writer" || !repository.startsWith("closed/"));
  const guarded = await startRegistry({ port: 5002, tokens });
  try {
    const to = async (who: string, name: string): Promise<{ status: number; err: string }> => {
      const push = begin(["podman", "push", "-q", "--tls-verify=false", `--creds=${who}:x`, "127.0.0.1:5000/three", `127.0.0.1:5002/${name}`]);
      return { status: await push.exited, err: push.err() };
    };
    expect(await to("writer", "closed/a")).toEqual({ status: 0, err: "" });
    const refused = await requests(guarded, async () => expect(await to("reader", "open/a")).toEqual({ status: 0, err: "" }));
    expect(sent(refused)).toHaveLength(image.blobs.size);
    expect(tokens.asked).toContainEqual(["repository:open/a:pull,push", "repository:closed/a:pull"]);
    const taken = await requests(guarded, async () => expect(await to("reader", "open/b")).toEqual({ status: 0, err: "" }));
    expect(mounted(taken)).toHaveLength(image.blobs.size);
    expect(tokens.asked).toContainEqual(["repository:open/b:pull,push", "repository:open/a:pull"]);
    expect((await to("reader", "closed/b")).err).toMatch(/denied|authentication required|unauthorized/);
  } finally {
    await guarded.stop();
    tokens.stop();
  }
}, 60_000);
