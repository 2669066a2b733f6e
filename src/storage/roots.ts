// Container roots: a writable directory over an image's layers, mounted by overlay and counted.
// Source: Documentation/filesystems/overlayfs.rst.

import * as fs from "node:fs";
import type { Digest } from "../base/digest.ts";
import { errnoOf, Fault } from "../base/fault.ts";
import { outsideId } from "../base/id-mapping.ts";
import { openDirectory } from "../kernel/files.ts";
import { lockFile } from "../kernel/locks.ts";
import { bindMount, isMountpoint, unmountAll } from "../kernel/mounts.ts";
import { copyOf, isCopied, mountCopied, refreshDifference, wholeCopy } from "./copied-root.ts";
import { driverOf, forgetDriver, mountBy, openTogether, type Driver } from "./driver.ts";
import { settleMarks } from "./fuse-overlay.ts";
import { rootAttributes } from "./layers.ts";
import { moveToTrash, takeLease } from "./leases.ts";
import { randomName, rootPath, spreadTrees, type StorePlace } from "./place.ts";
import type { CreateRoot, Layers, Lease, MountRoot, Roots, StoredRoot } from "./store.ts";
import { changesOf } from "./changes.ts";
import { mapsOf, withMappedLayers, withMappedRoot } from "./mapped.ts";
import { copiedLayers } from "./owned-trees.ts";
import { pruneUpper } from "./prune-upper.ts";
import { tarOfDiff } from "./tar/tree.ts";
import { removePath, treeBytes } from "./tree.ts";

interface RootRow {
  id: string;
  layer: Digest | null;
  mounts: number;
}

const idShape = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

export function openRoots(place: StorePlace, layers: Layers): Roots {
  const row = (id: string): RootRow | undefined =>
    place.db.query<RootRow, [string]>("SELECT id, layer, mounts FROM roots WHERE id = ?").get(id) ?? undefined;
  const need = (id: string): RootRow => {
    const found = row(id);
    if (found !== undefined) return found;
    throw new Fault("store.damaged", `cannot use the root of container ${id}: it is not in the store`, {
      hint: "remove the container and create it again",
    });
  };
  const merged = (id: string): string => `${rootPath(place, id)}/merged`;
  /** What differs from the layers; of a root that is a copy, made by comparing. */
  const upper = (id: string): string => {
    if (isCopied(rootPath(place, id))) locked(place, id, () => refreshDifference(rootPath(place, id), lowers(need(id))));
    return upperPath(place, id);
  };
  const rootOf = (found: RootRow): StoredRoot => ({
    id: found.id,
    topLayer: found.layer ?? undefined,
    mountCount: isMountpoint(merged(found.id)) ? Math.max(found.mounts, 1) : 0,
  });
  const lowers = (found: RootRow): string[] =>
    found.layer === null ? [] : layers.trees(found.layer);
  return {
    create: root => create(place, layers, root),
    find: id => {
      const found = row(id);
      return found && rootOf(found);
    },
    list: () => place.db.query<RootRow, []>("SELECT id, layer, mounts FROM roots ORDER BY seq").all().map(rootOf),
    mount: (id, how = {}) => mountCounted(place, { root: need(id), lower: lowers(need(id)), how }),
    unmount: (id, how = {}) => unmountCounted(place, need(id), how.force ?? false),
    open(id) {
      const own = rootPath(place, id);
      if (isMountpoint(merged(id))) return openDirectory(merged(id));
      return isCopied(own) ? openDirectory(copyOf(own)) : openTogether(place, [upperPath(place, id), ...lowers(need(id))]);
    },
    isMounted: id => isMountpoint(merged(id)),
    isVolatile: id => fs.existsSync(`${rootPath(place, id)}/work/work/incompat/volatile`),
    path: merged,
    upperPath: upper,
    driver: id => (isCopied(rootPath(place, id)) ? "copy" : driverOf(place)),
    overlayPaths: id => ({ lower: lowerPaths(layers, need(id).layer), upper: upperPath(place, id), work: `${rootPath(place, id)}/work` }),
    remove: (id, trash) => row(id) !== undefined && remove(place, id, trash),
    forget: id => void (row(id) === undefined && removePath(rootPath(place, id))),
    changes: (id, how) => changesOf(upper(id), lowers(need(id)), how),
    takeUpper(id, lease) {
      const lower = lowers(need(id));
      const taken = takeUpper(place, { id, lower }, lease);
      if (lower.length > 0) pruneUpper(taken, lower);
      return taken;
    },
    diff: (id, options) => tarOfDiff(upper(need(id).id), options),
    size: id => (row(id) === undefined ? 0 : treeBytes(upper(id))),
    mountLayers: (top, target) => mountLayers(place, layers.trees(top), target),
  };
}

/** Only to be told: nothing is mounted or made for it. */
const lowerPaths = (layers: Layers, top: Digest | null): string[] =>
  top === null ? [] : layers.chain(top).map(({ chainId }) => layers.diffPath(chainId));

const upperPath = (place: StorePlace, id: string): string => `${rootPath(place, id)}/diff`;

function create(place: StorePlace, layers: Layers, { id, topLayer, large, lease: given }: CreateRoot): void {
  if (!idShape.test(id)) throw new Fault("usage.invalid", `cannot create a root for ${JSON.stringify(id)}: not a container ID`);
  using own = given ? undefined : takeLease(place, () => {});
  const lease = (given ?? own)!;
  if (large) spreadTrees(lease.directory);
  const staged = `${lease.directory}/root`;
  for (const path of [staged, `${staged}/work`, `${staged}/merged`]) fs.mkdirSync(path, { mode: 0o700 });
  const { mode, uid, gid } = rootAttributes();
  fs.mkdirSync(`${staged}/diff`);
  fs.chownSync(`${staged}/diff`, uid, gid);
  fs.chmodSync(`${staged}/diff`, mode);
  place.transaction(() => {
    if (topLayer !== undefined && !layers.has(topLayer)) {
      throw new Fault("store.damaged", `cannot create a container: layer ${topLayer} is not in the store`, {
        hint: "pull the image again",
      });
    }
    if (place.db.query("SELECT 1 FROM roots WHERE id = ?").get(id) !== null) {
      throw new Fault("system.exists", `cannot create the root of container ${id}: it exists`);
    }
    moveToTrash(rootPath(place, id), lease);
    fs.renameSync(staged, rootPath(place, id));
    place.db.query("INSERT INTO roots (id, layer, mounts) VALUES (?, ?, 0)").run(id, topLayer ?? null);
  });
}

/** Mounting and counting must go together; other roots need not wait. */
function locked<T>(place: StorePlace, id: string, act: () => T): T {
  // A root whose directory someone took away can still be unmounted and removed.
  fs.mkdirSync(rootPath(place, id), { recursive: true, mode: 0o700 });
  try {
    using _lock = lockFile(`${rootPath(place, id)}/lock`, { exclusive: true, wait: true });
    return act();
  } finally {
    if (place.db.query("SELECT 1 FROM roots WHERE id = ?").get(id) === null) forgetEmpty(rootPath(place, id));
  }
}

/** Someone else has removed it meanwhile: then nothing is left but what we have made for the lock. */
function forgetEmpty(path: string): void {
  try {
    if (fs.readdirSync(path).join() !== "lock") return;
    fs.rmSync(`${path}/lock`, { force: true });
    fs.rmdirSync(path);
  } catch (thrown) {
    if (!["ENOENT", "ENOTEMPTY"].includes(errnoOf(thrown) ?? "")) throw thrown;
  }
}

const setCount = (place: StorePlace, id: string, count: number): void =>
  place.transaction(() => void place.db.query("UPDATE roots SET mounts = ? WHERE id = ?").run(count, id));

interface Mounting {
  readonly root: RootRow;
  /** Top layer first. */
  readonly lower: readonly string[];
  readonly how: MountRoot;
}

function mountCounted(place: StorePlace, { root, lower, how }: Mounting): string {
  const target = `${rootPath(place, root.id)}/merged`;
  return locked(place, root.id, () => {
    const users = isMountpoint(target) ? countOf(place, root.id) : 0;
    if (users === 0) mountRoot(place, { root, lower, how });
    setCount(place, root.id, users + 1);
    return target;
  });
}

const countOf = (place: StorePlace, id: string): number =>
  Math.max(1, place.db.query<{ mounts: number }, [string]>("SELECT mounts FROM roots WHERE id = ?").get(id)?.mounts ?? 1);

/** A store that was moved may need another way than the one it had. */
function mountRoot(place: StorePlace, mounting: Mounting): void {
  const before = driverOf(place);
  try {
    mountBest(place, mounting);
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.errno === undefined || before === "copy") throw thrown;
    forgetDriver(place);
    if (driverOf(place) === before) throw thrown;
    mountBest(place, mounting);
  }
}

function mountBest(place: StorePlace, { root, lower, how }: Mounting): void {
  const own = rootPath(place, root.id);
  const maps = mapsOf(how);
  const driver = isCopied(own) ? "copy" : driverOf(place);
  if (maps && how.keepsOwners) return mountWithOwners(place, driver, { root, lower, how });
  if (maps) fs.chownSync(`${own}/diff`, outsideId(0, maps.uid) ?? 0, outsideId(0, maps.gid) ?? 0);
  if (driver === "copy") return mountCopied(place, { ...how, own, lower, maps });
  const mapping = maps && lower.length > 0 ? { id: root.id, lower, maps, how } : undefined;
  if (mapping === undefined) overlayRoot(driver, { own, lower, how });
  // Its process lives outside the view, and longer.
  else if (driver === "fuse-overlayfs") overlayRoot(driver, { own, lower: copiedLayers(place, mapping), how });
  else withMappedLayers(place, mapping, mapped => overlayRoot(driver, { own, ...mapped, how }));
}

function mountWithOwners(place: StorePlace, driver: Driver, { root, lower, how }: Mounting): void {
  if (driver !== "overlay") {
    throw new Fault("usage.unsupported", `cannot give this run a user namespace of its own: the store works by ${driver}`, { hint: "run it with --userns host" });
  }
  const own = rootPath(place, root.id);
  withMappedRoot(place, { id: root.id, lower, maps: mapsOf(how)!, how }, (writable, layers) => overlayRoot(driver, { own, lower: layers, how, writable }));
}

interface Overlaying {
  readonly own: string;
  /** Top layer first. */
  readonly lower: readonly string[];
  /** Where contents lie that the layers refer to. */
  readonly data?: string;
  readonly how: MountRoot;
  /** Where the root's own directories are reached, if not in `own`. */
  readonly writable?: string;
}

function overlayRoot(driver: Exclude<Driver, "copy">, { own, lower, data, how, writable = own }: Overlaying): void {
  // A volatile mount that was not unmounted in order leaves a mark that would refuse the next one.
  removePath(`${own}/work/work/incompat`);
  if (lower.length === 0) fs.mkdirSync(`${own}/empty`, { recursive: true, mode: 0o755 });
  mountBy(driver, {
    lower: lower.length === 0 ? [`${writable}/empty`] : lower,
    ...(data === undefined ? {} : { data: [data] }),
    upper: `${writable}/diff`,
    work: `${writable}/work`,
    target: `${own}/merged`,
    options: { volatile: how.volatile ?? false, readOnly: how.readOnly ?? false, ...(how.label ? { context: how.label } : {}) },
  });
}

function unmountCounted(place: StorePlace, root: RootRow, force: boolean): boolean {
  const target = `${rootPath(place, root.id)}/merged`;
  return locked(place, root.id, () => {
    if (!isMountpoint(target)) {
      if (root.mounts !== 0) setCount(place, root.id, 0);
      return false;
    }
    const users = force ? 0 : countOf(place, root.id) - 1;
    setCount(place, root.id, users);
    if (users > 0) return true;
    unmountAll(target);
    return false;
  });
}

/** With `trash` the files go at that lease's end. */
function remove(place: StorePlace, id: string, trash?: Lease): boolean {
  using own = trash ? undefined : takeLease(place, () => {});
  // Whoever mounts it locks it first: without the file nobody has, and a file made only to be removed is the most of the work.
  if (fs.existsSync(`${rootPath(place, id)}/lock`)) locked(place, id, () => {
    unmountAll(`${rootPath(place, id)}/merged`);
    // Where a start was killed between mounting the layers' mapped view and letting it go.
    for (const view of ["mapped", "mapped-own"]) unmountAll(`${rootPath(place, id)}/${view}`);
  });
  return place.transaction(() => {
    const isGone = place.db.query("DELETE FROM roots WHERE id = ?").run(id).changes > 0;
    if (isGone && own) moveToTrash(rootPath(place, id), own);
    else if (isGone) trash!.drop(rootPath(place, id));
    return isGone;
  });
}

function takeUpper(place: StorePlace, { id, lower }: { id: string; lower: readonly string[] }, lease: Lease): string {
  const own = rootPath(place, id);
  const taken = `${lease.directory}/${randomName()}`;
  locked(place, id, () => {
    unmountAll(`${own}/merged`);
    if (isCopied(own)) refreshDifference(own, lower);
    fs.renameSync(`${own}/diff`, taken);
  });
  remove(place, id);
  if (driverOf(place) === "fuse-overlayfs") settleMarks(taken);
  return taken;
}

/** Overlay wants two layers where nothing is writable. */
function mountLayers(place: StorePlace, lower: readonly string[], target: string): void {
  if (lower.length === 1) return bindMount(lower[0]!, target, { readOnly: true });
  const driver = driverOf(place);
  if (driver === "copy") bindMount(wholeCopy(place, lower), target, { readOnly: true });
  else mountBy(driver, { lower, target, options: { readOnly: true } });
}
