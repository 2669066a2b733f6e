// A layer as an EROFS file shows the very tree that unpacking it makes: cases that are easily wrong, and whatever comes by chance.

import fc from "fast-check";
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Fault } from "../../base/fault.ts";
import { listXattrs, getXattr } from "../../kernel/xattr.ts";
import { unmountAll } from "../../kernel/mounts.ts";
import { archive, layerOf, testStore, type TestEntry } from "../fixtures.ts";
import { Growth } from "../growing.ts";
import type { ApplyLayer, Store } from "../store.ts";
import { unpackHere } from "../unpack-job.ts";
import { mountImage } from "./views.ts";

const canMount = process.geteuid!() === 0 && /\berofs\b/.test(fs.readFileSync("/proc/filesystems", "latin1"));
const mounting = test.if(canMount);

/** Type, mode, owner, size or number, time, links, target, attributes and data of all that is below. */
function described(root: string, loose: boolean): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const walk = (directory: Buffer, shown: string): void => {
    for (const name of fs.readdirSync(directory, { encoding: "buffer" }).sort(Buffer.compare)) {
      const file = Buffer.concat([directory, Buffer.from("/"), name]);
      const stat = fs.lstatSync(file, { bigint: true });
      const isDirectory = stat.isDirectory();
      const isMark = stat.isCharacterDevice() && stat.rdev === 0n;
      const label = `${shown}/${name.toString("latin1")}`;
      found[label] = {
        mode: loose && isDirectory ? "40000" : stat.mode.toString(8), uid: stat.uid, gid: stat.gid, rdev: stat.rdev,
        ...(isDirectory ? {} : { links: stat.nlink, size: stat.size }),
        // What has no entry of its own has no time of its own; what is taken away and made again may have another's.
        ...(isMark || (loose && isDirectory) || stat.mtimeNs > BigInt(1.7e18) ? {} : { mtime: stat.mtimeNs }),
        ...(stat.isSymbolicLink() ? { target: fs.readlinkSync(file, { encoding: "buffer" }).toString("latin1") } : {}),
        ...(stat.isFile() ? { data: Bun.hash(fs.readFileSync(file)) } : {}),
        ...(isDirectory || stat.isFile() ? { attributes: listXattrs(file).sort().map(attribute => [attribute, Buffer.from(getXattr(file, attribute)!).toString("hex")]) } : {}),
      };
      if (isDirectory) walk(file, label);
    }
  };
  walk(Buffer.from(root), "");
  const top = fs.statSync(root);
  return { ...found, "": { mode: top.mode, uid: top.uid, attributes: listXattrs(root) } };
}

type Outcome = { readonly tree: Record<string, unknown> } | { readonly fault: string };

/** Both forms of one archive, compressed or not. */
async function bothForms(bytes: Uint8Array, packed: boolean, loose = false): Promise<{ directory: Outcome; erofs: Outcome }> {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "coracle-erofs-"));
  const file = `${scratch}/archive`;
  fs.writeFileSync(file, packed ? Bun.gzipSync(Uint8Array.from(bytes)) : bytes);
  const unpacked = async (form: "directory" | "erofs"): Promise<Outcome> => {
    const growth = new Growth(fs.statSync(file).size);
    growth.end();
    const staged = `${scratch}/${form}`;
    try {
      await unpackHere({ file, staged, form }, growth);
    } catch (thrown) {
      if (thrown instanceof Fault) return { fault: thrown.code };
      throw thrown;
    }
    if (fs.statSync(staged).isDirectory()) return { tree: described(staged, loose) };
    fs.mkdirSync(`${scratch}/view`, { recursive: true });
    mountImage(staged, { archive: file, target: `${scratch}/view` });
    try {
      return { tree: described(`${scratch}/view`, loose) };
    } finally {
      unmountAll(`${scratch}/view`);
    }
  };
  try {
    return { directory: await unpacked("directory"), erofs: await unpacked("erofs") };
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

const directory = (name: string, more: Partial<TestEntry> = {}): TestEntry => ({ name, kind: "directory", mode: 0o755, ...more });
const link = (name: string, linkName: string): TestEntry => ({ name, kind: "symlink", linkName });
const hard = (name: string, linkName: string): TestEntry => ({ name, kind: "hardlink", linkName });
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

const cases: Record<string, TestEntry[]> = {
  "files of sizes around a block": [0, 1, 511, 512, 513, 70_000].map(size => ({ name: `f${size}`, text: "x".repeat(size) })),
  "parents without entries": [{ name: "a/b/c", text: "x" }],
  "a directory told after its files": [{ name: "d/f", text: "x" }, directory("d", { mode: 0o1777, uid: 5, gid: 6 })],
  "a directory told twice": [directory("d", { mode: 0o700 }), { name: "d/f", text: "x" }, directory("d", { mode: 0o711, uid: 9 })],
  "the root itself": [directory("./", { mode: 0o700, uid: 3 }), { name: "f", text: "x" }],
  "a file in place of a directory": [{ name: "d/f", text: "x" }, { name: "d", text: "y" }],
  "a directory in place of a file": [{ name: "d", text: "y" }, directory("d"), { name: "d/f", text: "x" }],
  "a directory in place of a link": [directory("real"), link("d", "real"), directory("d"), { name: "d/f", text: "x" }],
  "a directory that went with the one above": [directory("d/e", { mode: 0o700 }), { name: "d", text: "x" }, { name: "d/", kind: "directory", mode: 0o755 }, { name: "d/e/f", text: "y" }],
  "files through links": [directory("real/deep"), link("l", "/real"), link("real/up", "../real/deep"), { name: "l/up/f", text: "x" }, { name: "l/up/../g", text: "x" }],
  "a link above the root": [directory("real"), link("l", "../../../real"), { name: "l/f", text: "x" }],
  "hard links": [{ name: "f", text: "x", mode: 0o4755 }, hard("g", "f"), hard("d/h", "./g"), hard("f", "f")],
  "a hard link to a symbolic one": [link("l", "nowhere"), hard("m", "l")],
  "a hard link whose first name goes": [{ name: "f", text: "x" }, hard("g", "f"), { name: "f", text: "another" }],
  "deletions": [{ name: "d/f", text: "x" }, { name: ".wh.gone" }, { name: ".wh.d" }, { name: "d/.wh.f" }, { name: "d/.wh.other" }],
  "opaque directories": [{ name: "d/.wh..wh..opq" }, { name: "d/f", text: "x" }, { name: ".wh..wh..opq" }, { name: ".wh..wh.plnk" }],
  "a directory in place of a deletion": [{ name: ".wh.d" }, directory("d"), { name: "d/f", text: "x" }],
  "a directory opaque before and after its entry": [{ name: "d/.wh..wh..opq" }, directory("d", { mode: 0o750 })],
  "devices and pipes": [
    { name: "null", kind: "character", device: { major: 1, minor: 3 } }, { name: "big", kind: "block", device: { major: 259, minor: 70_000 } }, { name: "pipe", kind: "fifo", mode: 0o600 },
  ],
  "attributes": [
    { name: "f", text: "x", xattrs: new Map([["user.a", bytes("1")], ["security.capability", Uint8Array.from([1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])], ["trusted.b", bytes("z".repeat(900))]]) },
    directory("d", { xattrs: new Map([["user.c", bytes("")], ["trusted.overlay.redirect", bytes("/etc")]]) }),
  ],
  "long links": [link("short", "x"), link("long", "y".repeat(700)), link("longer", "z".repeat(4000))],
  "names of all bytes": [{ name: "+\xe4\xff", text: "x" }, { name: "-", text: "x" }, { name: `${"n".repeat(255)}`, text: "x" }, { name: "~", text: "x" }],
  "many names": [...Array(3000).keys()].map(at => ({ name: `d/${at}-${"n".repeat(at % 60)}`, text: `${at}` })),
  "old times and odd owners": [{ name: "f", text: "x", mtime: { sec: -86_400, nsec: 500_000_000 }, uid: 4_000_000_000, gid: 65_534 }],
  "a name too long": [{ name: "n".repeat(256), text: "x" }],
  "a file as a directory": [{ name: "f", text: "x" }, { name: "f/g", text: "x" }],
  "a link that leads nowhere": [link("l", "/nowhere"), { name: "l/f", text: "x" }],
  "a link that leads to itself": [link("l", "l"), { name: "l/f", text: "x" }],
  "a hard link to nothing": [hard("g", "f")],
  "a hard link to a directory": [directory("d"), hard("g", "d")],
  "a hard link through a link": [{ name: "real/f", text: "x" }, link("l", "real"), hard("g", "l/f")],
  "a name that climbs": [{ name: "../f", text: "x" }],
  "the root as a file": [{ name: ".", text: "x" }],
  "a whiteout of nothing": [{ name: "d/.wh." }],
};
for (const [what, entries] of Object.entries(cases)) {
  for (const packed of [false, true]) {
    mounting(`the same tree${packed ? ", of a compressed layer" : ""}: ${what}`, async () => {
      const { directory, erofs } = await bothForms(archive(...entries), packed);
      expect(erofs).toEqual(directory);
    });
  }
}

const names = ["a", "b", "a/b", "b/a", "a/b/a", "b/../a", "./a/", "a/b/.wh.a", ".wh.a", "a/.wh..wh..opq", "b/.wh.b"];
const anyEntry: fc.Arbitrary<TestEntry> = fc.record({
  name: fc.constantFrom(...names),
  kind: fc.constantFrom("file", "directory", "symlink", "hardlink", "fifo" as const),
  linkName: fc.constantFrom("a", "b", "/b", "../a", "a/b", "b/a"),
  text: fc.constantFrom("", "x", "y".repeat(600)),
  mode: fc.constantFrom(0o755, 0o700, 0o4711),
}).map(({ text, ...entry }) => (entry.kind === "file" ? { ...entry, text } : entry));

mounting("the same tree or the same refusal, whatever comes", async () => {
  await fc.assert(fc.asyncProperty(fc.array(anyEntry, { maxLength: 7 }), async entries => {
    const { directory, erofs } = await bothForms(archive(...entries), false, true);
    expect(erofs).toEqual(directory);
  }), { numRuns: 300, interruptAfterTimeLimit: 8000 });
}, 30_000);

const large: TestEntry = { name: "noise", text: Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64").repeat(30) };

mounting("a layer that is a file is mounted by whoever needs it, once, and gone with its image", async () => {
  using made = testStore({ layerForm: "erofs" });
  const { store } = made;
  const layer = layerOf(archive(large, { name: "f", text: "x" }), { blob: archive(large, { name: "f", text: "x" }) });
  const lease = store.lease();
  await store.layers.apply({ ...layer, lease });
  expect(fs.statSync(`${store.root}/layers/${layer.chainId.slice(7)}`).isFile()).toBe(true);
  const [tree] = store.layers.trees(layer.chainId);
  expect(tree).toBe(store.layers.diffPath(layer.chainId));
  expect(fs.readFileSync(`${tree}/f`, "utf8")).toBe("x");
  expect(made.again().layers.trees(layer.chainId)).toEqual([tree!]);
  expect(fs.readFileSync("/proc/self/mountinfo", "latin1").split("\n").filter(line => line.includes(tree!))).toHaveLength(1);
  expect(await store.layers.damage(layer.chainId)).toEqual([]);
  lease.release();
  expect(fs.existsSync(tree!)).toBe(false);
  expect(store.orphans()).toEqual([]);
});

/** With a file "f" that holds "content". */
async function layerAsFile(store: Store): Promise<{ readonly layer: ApplyLayer; readonly file: string }> {
  const layer = layerOf(archive(large, { name: "f", text: "content" }));
  await store.layers.apply({ ...layer, lease: store.lease() });
  return { layer, file: `${store.root}/layers/${layer.chainId.slice(7)}` };
}

mounting("damage in the file is found, and mended from the archive", async () => {
  using made = testStore({ layerForm: "erofs" });
  const { store } = made;
  const { layer, file } = await layerAsFile(store);
  const damaged = fs.readFileSync(file);
  damaged[damaged.indexOf("content\0")] = 0x43;
  fs.writeFileSync(file, damaged);
  expect(await store.layers.damage(layer.chainId)).toEqual([{ kind: "C", path: "/f" }]);
  await store.layers.mend(layer.chainId);
  expect(await store.layers.damage(layer.chainId)).toEqual([]);
  expect(fs.readFileSync(`${store.layers.trees(layer.chainId)[0]}/f`, "utf8")).toBe("content");
});

mounting("a file that the kernel does not mount is unpacked from its archive instead", async () => {
  using made = testStore({ layerForm: "erofs" });
  const { store } = made;
  const { layer, file } = await layerAsFile(store);
  // A feature that no kernel has.
  fs.writeFileSync(file, fs.readFileSync(file).fill(0x80, 1107, 1108));
  const [tree] = store.layers.trees(layer.chainId);
  expect(tree).toBe(file);
  expect(fs.readFileSync(`${tree}/f`, "utf8")).toBe("content");
});

mounting("a layer that no such file can tell becomes a directory", async () => {
  using made = testStore({ layerForm: "erofs" });
  const { store } = made;
  const lease = store.lease();
  const layer = layerOf(archive(large, { name: "f", text: "x", xattrs: new Map([["system.posix_acl_access", Uint8Array.from([2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255])]]) }));
  await store.layers.apply({ ...layer, lease });
  expect(fs.statSync(`${store.root}/layers/${layer.chainId.slice(7)}`).isDirectory()).toBe(true);
});

mounting("a layer of very many entries becomes a directory, so that memory is bounded", async () => {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "coracle-erofs-"));
  try {
    // The same directory again and again, which costs no inode.
    const one = archive(directory("d"));
    const entry = one.subarray(0, one.length - 1024);
    const many = Buffer.concat([...Array.from({ length: 100_001 }, () => entry), one.subarray(one.length - 1024)]);
    fs.writeFileSync(`${scratch}/archive`, many);
    const growth = new Growth(many.length);
    growth.end();
    await unpackHere({ file: `${scratch}/archive`, staged: `${scratch}/tree`, form: "erofs" }, growth);
    expect(fs.statSync(`${scratch}/tree`).isDirectory()).toBe(true);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
});

mounting("a small layer is a directory, and a large one too where that was asked for", async () => {
  for (const [layerForm, entries] of [["erofs", [{ name: "f", text: "x" }]], ["directory", [large]]] as const) {
    using made = testStore({ layerForm });
    const lease = made.store.lease();
    const layer = layerOf(archive(...entries));
    await made.store.layers.apply({ ...layer, lease });
    expect(fs.statSync(`${made.store.root}/layers/${layer.chainId.slice(7)}`).isDirectory()).toBe(true);
  }
});
