// Layers: what is verified, what cannot leave its root, what a failure leaves behind (nothing).

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { spawnSync } from "../base/spawn.ts";
import { digestOf, type Digest } from "../base/digest.ts";
import { getXattr } from "../kernel/xattr.ts";
import { archive, emptyTree, inChunks, layerOf, type TestEntry, testStore, tree } from "./fixtures.ts";

const isRoot = process.geteuid!() === 0;
const rooted = test.if(isRoot);

test("a gzip layer is kept, unpacked and found again", async () => {
  using made = testStore();
  const { store } = made;
  const tar = archive({ name: "etc", kind: "directory", mode: 0o755 }, { name: "etc/motd", text: "hello" });
  const layer = layerOf(tar);
  const seen: number[] = [];
  const applied = await store.layers.apply({ ...layer, onProgress: bytes => void seen.push(bytes) });
  expect(applied).toEqual({ chainId: layer.chainId, diffId: layer.diffId, parent: undefined, size: tar.length, blob: layer.source.digest });
  expect(fs.readFileSync(`${store.layers.diffPath(layer.chainId)}/etc/motd`, "utf8")).toBe("hello");
  expect(store.layers.findByBlob(layer.source.digest)).toEqual(applied);
  expect(store.layers.findByDiffId(layer.diffId)).toEqual([applied]);
  expect(store.blobs.size(layer.source.digest)).toBe(layer.source.size!);
  expect(seen.at(-1)).toBe(layer.source.size!);
  expect(tree(`${store.root}/staging`)).toEqual([]);
});

const tar = archive({ name: "f", text: "content ".repeat(5000) });
const compressed: Record<string, Uint8Array> = {
  "not at all": tar,
  "by zstd": Bun.zstdCompressSync(tar),
  "by gzip in several members": Buffer.concat([Bun.gzipSync(tar.subarray(0, 700)), Bun.gzipSync(tar.subarray(700))]),
};
for (const [how, blob] of Object.entries(compressed)) {
  test(`a layer compressed ${how} is unpacked`, async () => {
    using made = testStore();
    const layer = layerOf(tar, { blob });
    await made.store.layers.apply(layer);
    expect(fs.readFileSync(`${made.store.layers.diffPath(layer.chainId)}/f`, "utf8")).toBe("content ".repeat(5000));
  });
}

test("a layer is made from a blob that is here, without its source", async () => {
  using made = testStore();
  const blob = Bun.gzipSync(tar);
  made.store.blobs.put(blob);
  const never = async (): Promise<never> => Promise.reject(new Error("opened"));
  const layer = layerOf(tar, { blob, source: { digest: digestOf(blob), compression: "gzip", open: never } });
  expect((await made.store.layers.apply(layer)).size).toBe(tar.length);
});

test("equal layers at the same time are made once", async () => {
  using made = testStore();
  const opens: number[] = [];
  const layer = layerOf(tar);
  const open = async (offset: number) => (opens.push(offset), layer.source.open!(offset));
  const both = [1, 2].map(() => made.store.layers.apply({ ...layer, source: { ...layer.source, open } }));
  expect((await Promise.all(both)).map(({ chainId }) => chainId)).toEqual([layer.chainId, layer.chainId]);
  expect(opens).toEqual([0]);
});

const other = `sha256:${"0".repeat(64)}` as Digest;
const blob = Bun.gzipSync(tar);
const source = layerOf(tar).source;
const flipped = Uint8Array.from(blob);
flipped[blob.length >> 1]! ^= 0xff;
const bad: Record<string, [Parameters<typeof layerOf>[1], string, RegExp]> = {
  "a lying blob digest": [{ source: { ...source, digest: other } }, "digest.mismatch", /its digest is/],
  "a lying diff ID": [{ diffId: other }, "digest.mismatch", /its content has digest/],
  "a truncated blob": [{ source: { ...source, open: async () => inChunks(blob.subarray(0, blob.length - 40)) } }, "digest.mismatch", /bytes instead of/],
  "a blob that goes on": [{ source: { ...source, open: async () => inChunks(Buffer.concat([blob, blob])) } }, "digest.mismatch", /bytes instead of/],
  "flipped bits": [{ source: { ...source, open: async () => inChunks(flipped) } }, "digest.mismatch", /its digest is/],
  "a truncated archive": [{ blob: Bun.gzipSync(tar.slice(0, 5000)) }, "layer.malformed", /middle of an entry/],
  "no archive at all": [{ blob: Bun.gzipSync(Buffer.from("x".repeat(2000))) }, "layer.malformed", /cannot read the tar archive/],
  "xz": [{ blob: Uint8Array.from(Buffer.from("fd377a585a0000000000", "hex")) }, "image.unsupported", /xz/],
};
for (const [what, [lies, code, message]] of Object.entries(bad)) {
  test(`refused, and nothing is left: ${what}`, async () => {
    using made = testStore();
    const lease = made.store.lease();
    const failing = made.store.layers.apply(layerOf(tar, { ...lies, lease }));
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    lease.release();
    expect(tree(made.store.root)).toEqual(emptyTree);
    expect(made.store.usage()).toEqual({ images: 0, blobBytes: 0, layerBytes: 0 });
  });
}

test("an interrupted download goes on at the byte", async () => {
  using made = testStore();
  const layer = layerOf(tar, { blob });
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield blob.subarray(0, 30);
    throw new Error("connection reset");
  }
  const broken = made.store.layers.apply({ ...layer, source: { ...layer.source, open: async () => cut() } });
  await expect(broken).rejects.toThrow("connection reset");
  expect(made.store.layers.has(layer.chainId)).toBe(false);
  const asked: number[] = [];
  const open = async (offset: number) => (asked.push(offset), inChunks(blob.subarray(offset)));
  await made.again().layers.apply({ ...layer, source: { ...layer.source, open } });
  expect(asked).toEqual([30]);
  expect(tree(`${made.store.root}/blobs/partial`)).toEqual([]);
});

test("a source that cannot go on at the byte starts again", async () => {
  using made = testStore();
  const layer = layerOf(tar, { blob });
  const started = (await made.store.blobs.resume(layer.source.digest))!;
  started.write(Buffer.from("what another server said"));
  started.abort();
  const open = async () => ({ stream: inChunks(blob), offset: 0 });
  await made.store.layers.apply({ ...layer, source: { ...layer.source, open } });
  expect(made.store.layers.has(layer.chainId)).toBe(true);
});

/** Large enough for a thread of its own. */
const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64").repeat(80);
const large = archive({ name: "noise", text: noise }, { name: "end", text: "end" });

for (const layerForm of ["directory", "erofs"] as const) test.if(layerForm === "directory" || isRoot)(`large layers become trees on other threads, several at a time: ${layerForm}`, async () => {
  using made = testStore({ layerForm });
  const layers = [1, 2, 3, 4].map(index => layerOf(archive({ name: "noise", text: noise }, { name: `n${index}`, text: "x" })));
  expect(layers[0]!.source.size).toBeGreaterThan(4 * 1024 * 1024);
  await Promise.all(layers.map(layer => made.store.layers.apply(layer)));
  for (const [index, { chainId }] of layers.entries()) {
    const root = made.store.layers.trees(chainId)[0]!;
    expect(fs.readFileSync(`${root}/noise`, "utf8") === noise).toBe(true);
    expect(fs.readdirSync(root).sort()).toEqual([`n${index + 1}`, "noise"]);
  }
});

async function* breakingOff(bytes: Uint8Array, at: number): AsyncGenerator<Uint8Array> {
  yield* inChunks(bytes.subarray(0, at), 100_000);
  throw new Error("connection reset");
}

const largeBad: Record<string, [Parameters<typeof layerOf>[1], object]> = {
  "a lying diff ID": [{ diffId: `sha256:${"0".repeat(64)}` }, { code: "digest.mismatch" }],
  "a name that climbs, at the end": [{ blob: archive({ name: "noise", text: noise }, { name: "../x" }) }, { code: "layer.escapes" }],
  "an archive cut off": [{ blob: large.slice(0, 5_000_000) }, { code: "layer.malformed" }],
  "a blob cut off": [{ source: { ...layerOf(large, { blob: large }).source, open: async () => inChunks(large.slice(0, 5_000_000), 100_000) } }, { code: "digest.mismatch" }],
};
for (const [what, [lies, fault]] of Object.entries(largeBad)) {
  test(`refused on another thread, and nothing is left: ${what}`, async () => {
    using made = testStore();
    const lease = made.store.lease();
    await expect(made.store.layers.apply(layerOf(large, { blob: large, lease, ...lies }))).rejects.toMatchObject(fault);
    lease.release();
    expect(tree(made.store.root)).toEqual(emptyTree);
  });
}

test("a large download that breaks off goes on at the byte", async () => {
  using made = testStore();
  const layer = layerOf(large, { blob: large });
  const open = async () => breakingOff(large, 5_000_000);
  await expect(made.store.layers.apply({ ...layer, source: { ...layer.source, open } })).rejects.toThrow("connection reset");
  expect(tree(`${made.store.root}/staging`)).toEqual([]);
  const asked: number[] = [];
  const again = async (offset: number) => (asked.push(offset), inChunks(large.subarray(offset), 100_000));
  await made.store.layers.apply({ ...layer, source: { ...layer.source, open: again } });
  expect(asked).toEqual([5_000_000]);
  expect(fs.readFileSync(`${made.store.layers.trees(layer.chainId)[0]}/end`, "utf8")).toBe("end");
});

const outside: Record<string, TestEntry[]> = {
  "a name that climbs": [{ name: "../../etc/passwd", text: "x" }],
  "a name that climbs by way of a directory": [{ name: "a/../../b", text: "x" }],
  "a hard link that climbs": [{ name: "x", kind: "hardlink", linkName: "../outside" }],
  "a whiteout of ..": [{ name: "d/.wh...", text: "" }],
  "a broken link as a directory": [{ name: "l", kind: "symlink", linkName: "/nowhere" }, { name: "l/f", text: "x" }],
};
for (const [what, entries] of Object.entries(outside)) {
  test(`refused as leading out: ${what}`, async () => {
    using made = testStore();
    fs.writeFileSync(`${made.directory}/outside`, "untouched");
    const lease = made.store.lease();
    const failing = made.store.layers.apply(layerOf(archive(...entries), { lease }));
    await expect(failing).rejects.toMatchObject({ code: "layer.escapes" });
    lease.release();
    expect(tree(made.store.root)).toEqual(emptyTree);
    expect(fs.readFileSync(`${made.directory}/outside`, "utf8")).toBe("untouched");
  });
}

test("links are resolved inside the layer, wherever they point", async () => {
  using made = testStore();
  const victim = `${made.directory}/victim`;
  fs.mkdirSync(victim);
  const tar = archive(
    { name: "etc", kind: "directory", mode: 0o755 },
    { name: "abs", kind: "symlink", linkName: "/etc" },
    { name: "abs/one", text: "1" },
    { name: "up", kind: "symlink", linkName: "../../../../../../etc" },
    { name: "up/two", text: "2" },
    { name: "/etc/three", text: "3" },
    { name: "way", kind: "symlink", linkName: victim },
    { name: "file", kind: "symlink", linkName: `${victim}/written` },
    { name: "file", text: "4" },
    { name: "hard", kind: "hardlink", linkName: "/abs/one" },
  );
  const layer = layerOf(tar);
  await made.store.layers.apply(layer);
  const root = made.store.layers.diffPath(layer.chainId);
  expect(fs.readdirSync(`${root}/etc`).sort()).toEqual(["one", "three", "two"]);
  expect(fs.readFileSync(`${root}/file`, "utf8")).toBe("4");
  expect(fs.lstatSync(`${root}/file`).isFile()).toBe(true);
  expect(fs.statSync(`${root}/hard`).ino).toBe(fs.statSync(`${root}/etc/one`).ino);
  expect(fs.readdirSync(victim)).toEqual([]);
});

test("a hard link to a symbolic link that leads out links the link itself", async () => {
  using made = testStore();
  fs.writeFileSync(`${made.directory}/secret`, "secret");
  const tar = archive(
    { name: "s", kind: "symlink", linkName: `${made.directory}/secret` },
    { name: "h", kind: "hardlink", linkName: "s" },
  );
  await made.store.layers.apply(layerOf(tar));
  expect(fs.lstatSync(`${made.store.layers.diffPath(digestOf(tar))}/h`).isSymbolicLink()).toBe(true);
  expect(fs.statSync(`${made.directory}/secret`).nlink).toBe(1);
});

rooted("attributes, owners, times, devices and whiteouts are as the archive says", async () => {
  using made = testStore();
  const capability = new Uint8Array([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const tar = archive(
    { name: "./", kind: "directory", mode: 0o711, uid: 5 },
    { name: "d", kind: "directory", mode: 0o2750, uid: 7, gid: 8, mtime: { sec: -5, nsec: 0 } },
    { name: "d/ping", mode: 0o4755, uid: 1000, gid: 3_000_000, mtime: { sec: 99, nsec: 123_456_789 }, text: "p",
      xattrs: new Map([["security.capability", capability], ["user.note", new Uint8Array([0, 255])], ["trusted.overlay.redirect", new Uint8Array([47])]]) },
    { name: "null", kind: "character", mode: 0o666, device: { major: 1, minor: 3 } },
    { name: "disk", kind: "block", mode: 0o660, device: { major: 259, minor: 300 } },
    { name: "pipe", kind: "fifo", mode: 0o600 },
    { name: "d/.wh.gone" },
    { name: "o", kind: "directory", mode: 0o755 },
    { name: "o/.wh..wh..opq" },
    { name: ".wh.again" },
    { name: "again", kind: "directory", mode: 0o755 },
  );
  await made.store.layers.apply(layerOf(tar));
  const root = made.store.layers.diffPath(digestOf(tar));
  const stat = fs.statSync(`${root}/d/ping`, { bigint: true });
  expect([stat.mode & 0o7777n, stat.uid, stat.gid, stat.mtimeNs]).toEqual([0o4755n, 1000n, 3_000_000n, 99_123_456_789n]);
  expect(getXattr(`${root}/d/ping`, "security.capability")).toEqual(capability);
  expect(getXattr(`${root}/d/ping`, "user.note")).toEqual(new Uint8Array([0, 255]));
  expect(getXattr(`${root}/d/ping`, "trusted.overlay.redirect")).toBeUndefined();
  const directory = fs.statSync(`${root}/d`);
  expect([directory.mode & 0o7777, directory.uid, directory.gid, directory.mtimeMs]).toEqual([0o2750, 7, 8, -5000]);
  const shown = spawnSync(["stat", "-c", "%F %t,%T", `${root}/null`, `${root}/disk`, `${root}/pipe`, `${root}/d/gone`]).text();
  expect(shown).toBe("character special file 1,3\nblock special file 103,12c\nfifo 0,0\ncharacter special file 0,0\n");
  for (const name of ["o", "again"]) {
    expect(getXattr(`${root}/${name}`, "trusted.overlay.opaque")).toEqual(new Uint8Array([0x79]));
  }
  expect(fs.statSync(root).mode & 0o7777).toBe(0o711);
});

rooted("a layer larger than the disk ends in one clear error, and the disk is free again", async () => {
  using made = testStore();
  const small = `${made.directory}/small`;
  fs.mkdirSync(small);
  expect(spawnSync(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small]).status).toBe(0);
  try {
    const { openStore } = await import("./store.ts");
    const store = openStore({ root: `${small}/root`, runroot: `${small}/run` });
    const before = fs.statfsSync(small).bavail;
    const bomb = Bun.gzipSync(archive({ name: "zeros", text: "\0".repeat(64_000_000) }));
    const lease = store.lease();
    const failing = store.layers.apply(layerOf(archive(), { blob: bomb, lease }));
    await expect(failing).rejects.toMatchObject({ code: "system.no-space", errno: "ENOSPC" });
    lease.release();
    expect(tree(store.root)).toEqual(emptyTree);
    expect(before - fs.statfsSync(small).bavail).toBeLessThan(64);
    store.close();
  } finally {
    spawnSync(["umount", "-l", small]);
  }
});
