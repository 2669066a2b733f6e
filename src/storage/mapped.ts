// Layers as the users of a container's own user namespace own them: by a mount that maps owners where the kernel lets us,
// else by trees of their own (owned-trees.ts).
// Source: mount_setattr(2), MOUNT_ATTR_IDMAP.

import * as fs from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { insideId, isIdentity, type IdMaps } from "../base/id-mapping.ts";
import { AT_FDCWD, closeQuietly, O_RDONLY, openat2 } from "../kernel/files.ts";
import { holdUsers } from "../kernel/held-users.ts";
import { idmapMount, mount, MOUNT_ATTR_IDMAP, openTree, setMountAttributes, unmountAll } from "../kernel/mounts.ts";
import { withOwnedTrees, type Layered } from "./owned-trees.ts";
import { rootPath, type StorePlace } from "./place.ts";
import type { MountRoot } from "./store.ts";

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
export function withMappedLayers(place: StorePlace, mapping: Mapping, use: (mapped: Layered) => void): void {
  const view = emptyView(place, mapping, "mapped");
  try {
    const lower = mapLayers(place, mapping, view);
    if (lower === undefined) withOwnedTrees(place, mapping, use);
    else use({ lower });
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
