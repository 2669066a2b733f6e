// Whether a layer's tree is what its archive says, and making it so again.

import * as fs from "node:fs";
import type { Digest } from "../base/digest.ts";
import { errnoOf, Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { scratch } from "../base/scratch.ts";
import { type ApplyNeeds, unpackKept, wrongDiff } from "./apply.ts";
import { unmountAll } from "../kernel/mounts.ts";
import { moveToTrash } from "./leases.ts";
import { compareTrees } from "./compare.ts";
import { hideTree, mountImage } from "./erofs/views.ts";
import { blobPath, layerPath, randomName, type StorePlace } from "./place.ts";
import type { Change, Lease, StoredLayer } from "./store.ts";

/** A lease, or what can stand in for one. */
type Holder = Pick<Lease, "directory" | "holdBlob" | "holdLayer"> & Disposable;

/** The tree as its archive has it, in the lease's directory. */
async function unpackAnew(needs: ApplyNeeds, layer: StoredLayer, lease: Holder): Promise<string> {
  lease.holdBlob(layer.blob);
  lease.holdLayer(layer.chainId);
  const staged = `${lease.directory}/${randomName()}`;
  const source = { digest: layer.blob };
  const unpacked = await unpackKept(needs, { source }, { staged, form: "directory" });
  if (unpacked.diffId !== layer.diffId) throw wrongDiff({ source, diffId: layer.diffId }, unpacked.diffId);
  return staged;
}

function known(needs: ApplyNeeds, chainId: Digest): StoredLayer {
  const layer = needs.find(chainId);
  if (layer) return layer;
  throw new Fault("store.damaged", `cannot read layer ${chainId}: it is not in the store`);
}

export async function layerDamage(place: StorePlace, needs: ApplyNeeds, chainId: Digest): Promise<Change[]> {
  using lease = leaseOrScratch(needs);
  const layer = known(needs, chainId);
  const anew = await unpackAnew(needs, layer, lease);
  return withTreeOnDisk(place, layer, lease, tree => compareTrees(anew, tree, { contents: true })) ?? [{ kind: "C", path: "/" }];
}

/** A file is mounted once more: the mount that others use remembers what was on the disk. Undefined where the kernel does not mount it. */
function withTreeOnDisk<T>(place: StorePlace, { chainId, blob }: StoredLayer, { directory }: Holder, use: (tree: string) => T): T | undefined {
  const file = layerPath(place, chainId);
  if (!fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return use(file);
  const target = `${directory}/${randomName()}`;
  fs.mkdirSync(target);
  try {
    mountImage(file, { archive: blobPath(place, blob), target });
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    log.debug(thrown.message);
    return undefined;
  }
  try {
    return use(target);
  } finally {
    unmountAll(target);
  }
}

/** Beside a store that cannot be written, from which nothing can go meanwhile. */
function leaseOrScratch(needs: ApplyNeeds): Holder {
  try {
    return needs.lease();
  } catch (thrown) {
    if (errnoOf(thrown) !== "EROFS") throw thrown;
    const { path, remove } = scratch();
    return { directory: path, holdBlob() {}, holdLayer() {}, [Symbol.dispose]: remove };
  }
}

/** The old tree goes, so nobody may have it mounted. */
export async function mendLayer(place: StorePlace, needs: ApplyNeeds, chainId: Digest): Promise<void> {
  using lease = needs.lease();
  const staged = await unpackAnew(needs, known(needs, chainId), lease);
  const target = layerPath(place, chainId);
  place.transaction(() => {
    hideTree(place, chainId);
    moveToTrash(target, lease);
    fs.renameSync(staged, target);
    place.db.query("UPDATE layers SET boot = ? WHERE chain = ?").run(place.boot(), chainId);
  });
}
