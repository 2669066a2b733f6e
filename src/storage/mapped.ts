// Layers as the users of a container's own user namespace own them: by a mount that maps owners where the kernel lets us,
// else by copies that are made once for each layer and map, and kept as long as the layer.
// Source: mount_setattr(2), MOUNT_ATTR_IDMAP; capabilities(7), "Namespaced file capabilities".

import * as fs from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { insideId, isIdentity, outsideId, type IdMaps } from "../base/id-mapping.ts";
import { needProgram, spawnSync } from "../base/spawn.ts";
import { AT_FDCWD, closeQuietly, fchownat, O_RDONLY, openat2 } from "../kernel/files.ts";
import { holdUsers } from "../kernel/held-users.ts";
import { lockFile } from "../kernel/locks.ts";
import { idmapMount, mount, MOUNT_ATTR_IDMAP, openTree, setMountAttributes, unmountAll } from "../kernel/mounts.ts";
import { getXattr, setXattr } from "../kernel/xattr.ts";
import { takeLease } from "./leases.ts";
import { moveToTrash } from "./leases.ts";
import { randomName, rootPath, type StorePlace } from "./place.ts";
import type { Lease, MountRoot } from "./store.ts";
import { removePath } from "./tree.ts";

/** The maps of a mount, where they change anything. */
export function mapsOf({ uidMap, gidMap }: MountRoot): IdMaps | undefined {
  if (!uidMap?.length || !gidMap?.length || (isIdentity(uidMap) && isIdentity(gidMap))) return undefined;
  return { uid: uidMap, gid: gidMap };
}

export interface Mapping {
  readonly id: string;
  /** Trees of layers: in the store's own directory of them, or mounts of their own. */
  readonly lower: readonly string[];
  readonly maps: IdMaps;
  readonly how: MountRoot;
}

/** Runs `use` with the layers as their mapped owners have them; an overlay made of them lasts longer than `use`. */
export function withMappedLayers(place: StorePlace, mapping: Mapping, use: (lower: readonly string[]) => void): void {
  const view = emptyView(place, mapping, "mapped");
  try {
    const mapped = mapLayers(place, mapping, view);
    use(mapped ?? copiedLayers(place, mapping));
  } finally {
    unmountAll(view);
  }
}

/** The same with the root's own directory, whose files keep the owners they have inside. @throws Fault where the kernel maps no such mounts */
export function withMappedRoot(place: StorePlace, mapping: Mapping, use: (own: string, lower: readonly string[]) => void): void {
  const views = { layers: emptyView(place, mapping, "mapped"), own: emptyView(place, mapping, "mapped-own") };
  try {
    const layers = mapLayers(place, mapping, views.layers);
    if (layers === undefined || !mountMapped([[rootPath(place, mapping.id), views.own]], withRoot(mapping))) {
      throw new Fault("usage.unsupported", "cannot give this run a user namespace of its own: the kernel does not map mounts of the store's file system", {
        hint: "run it with --userns host",
      });
    }
    use(views.own, layers);
  } finally {
    for (const view of Object.values(views)) unmountAll(view);
  }
}

/** An owner that no file has. */
const idOfRoot = 2 ** 32 - 1000;

/** Overlay makes files as whoever mounted it, before it gives them their owner: root needs a number there too. */
function withRoot({ maps, how, ...rest }: Mapping): Mapping {
  const extended = (lines: IdMaps["uid"]): IdMaps["uid"] =>
    insideId(0, lines) === undefined ? [...lines, { containerId: idOfRoot, hostId: 0, size: 1 }] : lines;
  const { userNamespace: _others, ...own } = how;
  return { ...rest, how: own, maps: { uid: extended(maps.uid), gid: extended(maps.gid) } };
}

function emptyView(place: StorePlace, { id }: Mapping, name: string): string {
  const view = `${rootPath(place, id)}/${name}`;
  fs.mkdirSync(view, { recursive: true, mode: 0o700 });
  unmountAll(view);
  return view;
}

const splitPath = (path: string): [string, string] => [path.slice(0, path.lastIndexOf("/")), path.slice(path.lastIndexOf("/") + 1)];

/** One mapped mount shows all directories of the store; what is a mount itself needs one of its own. Undefined where the kernel does not let us. */
function mapLayers(place: StorePlace, mapping: Mapping, view: string): string[] | undefined {
  const shared = `${place.root}/layers`;
  const sources = new Set(mapping.lower.map(path => (splitPath(path)[0] === shared ? shared : path)));
  const targetOf = (source: string): string => `${view}/${splitPath(source)[1]}`;
  mount({ source: "tmpfs", target: view, type: "tmpfs", data: "mode=0711" });
  for (const source of sources) fs.mkdirSync(targetOf(source));
  if (!mountMapped([...sources].map(source => [source, targetOf(source)] as const), mapping)) return undefined;
  return mapping.lower.map(path => (sources.has(path) ? targetOf(path) : `${targetOf(shared)}/${splitPath(path)[1]}`));
}

/** What a kernel answers that has no such mounts, or none for this file system or for ordinary users. */
const refusals = ["EPERM", "EINVAL", "ENOSYS", "EOPNOTSUPP"];

/** From each source to its target. False where the kernel does not let us. */
function mountMapped(pairs: readonly (readonly [source: string, target: string])[], { maps, how }: Mapping): boolean {
  using held = how.userNamespace === undefined ? holdUsers({ maps }) : undefined;
  const namespace = openat2(AT_FDCWD, how.userNamespace ?? held!.userPath, { flags: O_RDONLY });
  try {
    for (const [source, target] of pairs) idmapMount(source, target, namespace);
    return true;
  } catch (thrown) {
    if (refusals.includes(errnoOf(thrown) ?? "")) return false;
    throw thrown;
  } finally {
    closeQuietly(namespace);
  }
}

/** Whether the kernel gives mounts of what is at this path other owners, which it mostly does for root alone. */
export function mapsMounts(path: string): boolean {
  const own = [{ containerId: 0, hostId: 0, size: 1 }];
  using held = holdUsers({ maps: { uid: own, gid: own } });
  const namespace = openat2(AT_FDCWD, held.userPath, { flags: O_RDONLY });
  const tree = openTree(AT_FDCWD, path, { clone: true, recursive: false });
  try {
    setMountAttributes(tree, { set: MOUNT_ATTR_IDMAP, userNamespace: namespace });
    return true;
  } catch (thrown) {
    if (refusals.includes(errnoOf(thrown) ?? "")) return false;
    throw thrown;
  } finally {
    closeQuietly(tree);
    closeQuietly(namespace);
  }
}

export const mappedPath = (place: StorePlace): string => `${place.root}/mapped`;

/** One directory for each map that was ever copied for. */
function keyOf({ uid, gid }: IdMaps): string {
  const text = JSON.stringify([uid, gid].map(maps => maps.map(({ containerId, hostId, size }) => [containerId, hostId, size])));
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 24);
}

export function copiedLayers(place: StorePlace, { lower, maps, how }: Mapping): string[] {
  const directory = `${mappedPath(place)}/${keyOf(maps)}`;
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const targetOf = (layer: string): string => `${directory}/${splitPath(layer)[1]}`;
  const missing = lower.filter(layer => !fs.existsSync(targetOf(layer)));
  if (missing.length > 0) {
    using _lock = lockFile(`${directory}/lock`, { exclusive: true, wait: true });
    using lease = takeLease(place, () => {});
    for (const [index, layer] of missing.entries()) {
      how.onCopy?.(index, missing.length);
      if (!fs.existsSync(targetOf(layer))) copyLayer(layer, targetOf(layer), { maps, lease });
    }
    how.onCopy?.(missing.length, missing.length);
  }
  return lower.map(targetOf);
}

function copyLayer(layer: string, target: string, { maps, lease }: { maps: IdMaps; lease: Lease }): void {
  const staged = `${lease.directory}/${randomName()}`;
  const { status, complaint } = spawnSync([needProgram("cp", "coreutils"), "-a", "--reflink=auto", layer, staged]);
  if (status !== 0) throw new Fault("component.failed", `cannot copy a layer for the container's user namespace: ${complaint()}`);
  giveOwners(staged, { maps, seen: new Set(), root: staged });
  fs.renameSync(staged, target);
}

interface Giving {
  readonly maps: IdMaps;
  /** Files with several names that have their owner already. */
  readonly seen: Set<number>;
  readonly root: string;
}

const setIdBits = 0o6000;

function giveOwners(path: string, giving: Giving): void {
  const stat = fs.lstatSync(path);
  if (stat.isDirectory()) for (const name of fs.readdirSync(path)) giveOwners(`${path}/${name}`, giving);
  if (stat.nlink > 1 && !stat.isDirectory()) {
    if (giving.seen.has(stat.ino)) return;
    giving.seen.add(stat.ino);
  }
  const uid = outsideId(stat.uid, giving.maps.uid);
  const gid = outsideId(stat.gid, giving.maps.gid);
  if (uid === undefined || gid === undefined) {
    throw new Fault("usage.invalid", `cannot give ${path.slice(giving.root.length) || "/"} of the image an owner: ${stat.uid}:${stat.gid} is not in the container's user namespace`, {
      hint: "choose a wider map, for instance with a larger size",
    });
  }
  const capability = stat.isFile() ? getXattr(path, "security.capability") : undefined;
  fchownat(AT_FDCWD, path, { uid, gid });
  // A change of owner takes both away.
  if (stat.isFile() && (stat.mode & setIdBits) !== 0) fs.chmodSync(path, stat.mode & 0o7777);
  if (capability) setXattr(path, "security.capability", forRoot(capability, outsideId(0, giving.maps.uid) ?? 0));
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
