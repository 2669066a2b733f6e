// Layers once more with the owners that a container's own users have, where no mount gives them: made once for each layer and map,
// and kept as long as the layer. Where the kernel lets us one tree describes the files of all layers, whose contents stay where they are;
// else each layer is copied.
// Source: Documentation/filesystems/overlayfs.rst, "Data-only lower layers"; capabilities(7), "Namespaced file capabilities".

import * as fs from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { outsideId, type IdMaps } from "../base/id-mapping.ts";
import { log } from "../base/log.ts";
import { needProgram, spawnSync } from "../base/spawn.ts";
import { AT_FDCWD, closeQuietly, fchownat, findStat, ftruncate, O_NOFOLLOW, O_WRONLY, openat2, utimensat } from "../kernel/files.ts";
import { lockFile } from "../kernel/locks.ts";
import { unmountAll } from "../kernel/mounts.ts";
import { getXattr, setXattr } from "../kernel/xattr.ts";
import { mountBy } from "./driver.ts";
import { moveToTrash, takeLease } from "./leases.ts";
import type { Mapping } from "./mapped.ts";
import { randomName, spreadTrees, type StorePlace } from "./place.ts";
import { privilege } from "./privilege.ts";
import type { Lease } from "./store.ts";
import { removePath } from "./tree.ts";

/** What an overlay is made of. */
export interface Layered {
  /** Top layer first. */
  readonly lower: readonly string[];
  /** Where contents lie that files of the layers refer to. */
  readonly data?: string;
}

type Form = "whole" | "described";

export const mappedPath = (place: StorePlace): string => `${place.root}/mapped`;
const layersPath = (place: StorePlace): string => `${place.root}/layers`;
const nameOf = (layer: string): string => layer.slice(layer.lastIndexOf("/") + 1);

/** One directory for each map and form that was ever asked for. */
function directoryOf(place: StorePlace, { uid, gid }: IdMaps, form: Form): string {
  const text = JSON.stringify([uid, gid].map(maps => maps.map(({ containerId, hostId, size }) => [containerId, hostId, size])));
  const key = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 24);
  return `${mappedPath(place)}/${key}${form === "whole" ? "" : "-described"}`;
}

/** Runs `use`, which mounts them by the kernel's overlay, with a tree that describes the layers' files, else with copies. */
export function withOwnedTrees(place: StorePlace, mapping: Mapping, use: (trees: Layered) => void): void {
  const has = (form: Form, layers: readonly string[]): boolean => layers.every(layer => fs.existsSync(`${directoryOf(place, mapping.maps, form)}/${nameOf(layer)}`));
  // Contents are referred to in one directory.
  const isTogether = mapping.lower.every(layer => layer === `${layersPath(place)}/${nameOf(layer)}`);
  if (isTogether && !has("whole", mapping.lower) && (has("described", mapping.lower.slice(0, 1)) || canDescribe(place))) {
    try {
      return use({ lower: [describedLayers(place, mapping)], data: layersPath(place) });
    } catch (thrown) {
      // Made under a kernel that could.
      if (errnoOf(thrown) !== "EINVAL") throw thrown;
      log.debug(`layers of the image are copied: ${(thrown as Error).message}`);
    }
  }
  use({ lower: copiedLayers(place, mapping) });
}

export function copiedLayers(place: StorePlace, { lower, maps, how }: Mapping): string[] {
  const directory = directoryOf(place, maps, "whole");
  const targetOf = (layer: string): string => `${directory}/${nameOf(layer)}`;
  const missing = lower.filter(layer => !fs.existsSync(targetOf(layer)));
  if (missing.length > 0) {
    using making = beginMaking(place, directory);
    for (const [index, layer] of missing.entries()) {
      how.onCopy?.(index, missing.length);
      if (!fs.existsSync(targetOf(layer))) makeTree(layer, targetOf(layer), { lease: making.lease, contents: true, maps });
    }
    how.onCopy?.(missing.length, missing.length);
  }
  return lower.map(targetOf);
}

/** All layers as one tree: the kernel refers to contents from a single layer only. It goes with the top one. */
function describedLayers(place: StorePlace, { lower, maps }: Mapping): string {
  const directory = directoryOf(place, maps, "described");
  const target = `${directory}/${nameOf(lower[0]!)}`;
  if (fs.existsSync(target)) return target;
  using making = beginMaking(place, directory);
  if (fs.existsSync(target)) return target;
  const view = `${making.lease.directory}/view`;
  fs.mkdirSync(view);
  try {
    if (lower.length > 1) mountBy("overlay", { lower, target: view, options: { readOnly: true } });
    makeTree(lower.length > 1 ? view : lower[0]!, target, { lease: making.lease, maps, data: { layers: lower, marks: privilege().overlayMarks } });
    return target;
  } finally {
    unmountAll(view);
  }
}

/** One maker at a time, who leaves nothing half made. */
function beginMaking(place: StorePlace, directory: string): Disposable & { readonly lease: Lease } {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  using stack = new DisposableStack();
  stack.use(lockFile(`${directory}/lock`, { exclusive: true, wait: true }));
  const lease = stack.use(takeLease(place, () => {}));
  spreadTrees(lease.directory);
  const held = stack.move();
  return { lease, [Symbol.dispose]: () => held.dispose() };
}

interface Making extends Pick<Giving, "maps" | "data"> {
  readonly lease: Lease;
  readonly contents?: boolean;
}

function makeTree(source: string, target: string, { lease, contents = false, ...giving }: Making): void {
  const staged = `${lease.directory}/${randomName()}`;
  const { status, complaint } = spawnSync([needProgram("cp", "coreutils"), "-a", contents ? "--reflink=auto" : "--attributes-only", source, staged]);
  if (status !== 0) throw new Fault("component.failed", `cannot copy a layer for the container's user namespace: ${complaint()}`);
  giveOwners(Buffer.from(staged), { ...giving, seen: new Set(), root: staged });
  fs.renameSync(staged, target);
}

interface Giving {
  readonly maps: IdMaps;
  /** Files with several names that have their owner already. */
  readonly seen: Set<number>;
  readonly root: string;
  /** Of a tree that only describes its files: where they are. */
  readonly data?: Data;
}

interface Data {
  /** Top layer first. */
  readonly layers: readonly string[];
  readonly marks: "trusted." | "user.";
}

const setIdBits = 0o6000;
const slash = Buffer.from("/");

/** Names need not be text. */
function giveOwners(path: Buffer, giving: Giving): void {
  const stat = fs.lstatSync(path);
  if (stat.isDirectory()) for (const name of fs.readdirSync(path, { encoding: "buffer" })) giveOwners(Buffer.concat([path, slash, name]), giving);
  if (stat.nlink > 1 && !stat.isDirectory()) {
    if (giving.seen.has(stat.ino)) return;
    giving.seen.add(stat.ino);
  }
  const uid = outsideId(stat.uid, giving.maps.uid);
  const gid = outsideId(stat.gid, giving.maps.gid);
  if (uid === undefined || gid === undefined) {
    throw new Fault("usage.invalid", `cannot give ${path.subarray(giving.root.length).toString() || "/"} of the image an owner: ${stat.uid}:${stat.gid} is not in the container's user namespace`, {
      hint: "choose a wider map, for instance with a larger size",
    });
  }
  const capability = stat.isFile() ? getXattr(path, "security.capability") : undefined;
  if (giving.data !== undefined && stat.isFile()) referToData(path, giving.root, giving.data);
  fchownat(AT_FDCWD, path, { uid, gid });
  // A change of size or owner takes both away.
  if (stat.isFile() && (stat.mode & setIdBits) !== 0) fs.chmodSync(path, stat.mode & 0o7777);
  if (capability) setXattr(path, "security.capability", forRoot(capability, outsideId(0, giving.maps.uid) ?? 0));
}

/** Its size is its own, and its contents are those of the layer's file. */
function referToData(path: Buffer, root: string, { layers, marks }: Data): void {
  const inside = path.subarray(root.length);
  for (const layer of layers) {
    const stat = findStat(AT_FDCWD, Buffer.concat([Buffer.from(layer), inside]));
    // What is seen is what the topmost layer has that has anything there.
    if (stat === undefined) continue;
    if (stat.size === 0) return;
    describe(path, { marks, size: stat.size, place: Buffer.concat([slash, Buffer.from(nameOf(layer)), inside]) });
    utimensat(AT_FDCWD, path, { mtime: stat.mtime });
    return;
  }
}

function describe(path: Uint8Array, { marks, size, place }: { readonly marks: Data["marks"]; readonly size: number; readonly place: Uint8Array }): void {
  const fd = openat2(AT_FDCWD, path, { flags: O_WRONLY | O_NOFOLLOW });
  try {
    ftruncate(fd, size);
    setXattr(fd, `${marks}overlay.metacopy`, new Uint8Array());
    setXattr(fd, `${marks}overlay.redirect`, place);
  } finally {
    closeQuietly(fd);
  }
}

/** Since Linux 6.16 also ordinary users' overlays may refer to contents elsewhere; found out by trying. */
function canDescribe(place: StorePlace): boolean {
  using lease = takeLease(place, () => {});
  const inside = (name: string): string => `${lease.directory}/${name}`;
  for (const name of ["data", "data/of", "described", "target"]) fs.mkdirSync(inside(name));
  const contents = "contents";
  fs.writeFileSync(inside("data/of/file"), contents);
  fs.writeFileSync(inside("described/file"), "");
  try {
    describe(Buffer.from(inside("described/file")), { marks: privilege().overlayMarks, size: contents.length, place: Buffer.from("/of/file") });
    mountBy("overlay", { lower: [inside("described")], data: [inside("data")], target: inside("target"), options: { readOnly: true } });
    return fs.readFileSync(inside("target/file"), "utf8") === contents;
  } catch (thrown) {
    log.debug(`the kernel's overlay does not refer to contents elsewhere: ${(thrown as Error).message}`);
    return false;
  } finally {
    unmountAll(inside("target"));
  }
}

const capabilityBytes = 20;
const revision3 = 0x03000000;
const revisionMask = 0xff000000;

/** The attribute in its third form, which names whose root the capabilities are for. */
export function forRoot(value: Uint8Array, rootId: number): Uint8Array {
  const bytes = new Uint8Array(capabilityBytes + 4);
  bytes.set(value.subarray(0, capabilityBytes));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (view.getUint32(0, true) & ~revisionMask) | revision3, true);
  view.setUint32(capabilityBytes, rootId, true);
  return bytes;
}

/** Copies go with their layer. @param isLive by the layer's name */
export function dropMapped(place: StorePlace, lease: Lease, isLive: (name: string) => boolean): void {
  for (const key of listed(mappedPath(place))) {
    const directory = `${mappedPath(place)}/${key}`;
    const names = listed(directory).filter(name => name !== "lock");
    const gone = names.filter(name => !isLive(name));
    for (const name of gone) moveToTrash(`${directory}/${name}`, lease);
    if (names.length > 0 && gone.length === names.length) removePath(directory);
  }
}

function listed(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}
