// A tree that a crash or somebody took is made again from its layer's blob, by whoever needs it.

import * as fs from "node:fs";
import { log } from "../base/log.ts";
import { wrongDiff } from "./apply.ts";
import type { LayersNeeds } from "./layers.ts";
import { moveToTrash } from "./leases.ts";
import { layerPath, randomName, type StorePlace } from "./place.ts";
import type { StoredLayer } from "./store.ts";
import { unpackWaiting } from "./unpack-job.ts";
import { writeBackSoon } from "./write-back.ts";

/** False where the blob is gone too. Two processes that do it at once are no harm. @throws Fault "digest.mismatch" */
export function remakeTree(place: StorePlace, { blobs, lease }: LayersNeeds, { chainId, diffId, blob }: StoredLayer): boolean {
  if (!blobs.has(blob)) return false;
  log.info(`Unpacking layer ${chainId} again: its tree is not in the store, or cannot be mounted`);
  using held = lease();
  held.holdBlob(blob);
  held.holdLayer(chainId);
  const staged = `${held.directory}/${randomName()}`;
  const found = unpackWaiting({ file: blobs.path(blob), staged }).diffId;
  if (found !== diffId) throw wrongDiff({ source: { digest: blob }, diffId }, found);
  place.transaction(() => {
    const target = layerPath(place, chainId);
    const found = fs.statSync(target, { throwIfNoEntry: false });
    if (found?.isDirectory()) return;
    if (found !== undefined) moveToTrash(target, held);
    fs.renameSync(staged, target);
    place.db.query("UPDATE layers SET boot = ? WHERE chain = ?").run(place.boot(), chainId);
  });
  writeBackSoon(place, [chainId]);
  return true;
}
