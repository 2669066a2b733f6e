// Layers of additional stores that lie there as files which this user may not mount: unpacked here once, for as long as there are containers.

import * as fs from "node:fs";
import { type Digest, hexOf } from "../base/digest.ts";
import { errnoOf } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { wrongDiff } from "./apply.ts";
import { moveToTrash, takeLease } from "./leases.ts";
import { randomName, type StorePlace } from "./place.ts";
import type { Blobs, Lease, StoredLayer } from "./store.ts";
import { unpackWaiting } from "./unpack-job.ts";

const borrowedPath = ({ root }: StorePlace): string => `${root}/borrowed`;
const treePath = (place: StorePlace, chainId: Digest): string => `${borrowedPath(place)}/${hexOf(chainId)}`;

/** Two processes that do it at once are no harm. @throws Fault "digest.mismatch" */
export function borrowTree(place: StorePlace, from: Blobs, { chainId, diffId, blob }: StoredLayer): string {
  const target = treePath(place, chainId);
  if (fs.existsSync(target)) return target;
  log.info(`Unpacking layer ${chainId} of an additional store: an ordinary user cannot mount it`);
  using lease = takeLease(place, () => {});
  const staged = `${lease.directory}/${randomName()}`;
  const found = unpackWaiting({ file: from.path(blob), staged }).diffId;
  if (found !== diffId) throw wrongDiff({ source: { digest: blob }, diffId }, found);
  fs.mkdirSync(borrowedPath(place), { recursive: true, mode: 0o700 });
  try {
    fs.renameSync(staged, target);
  } catch (thrown) {
    if (!["ENOTEMPTY", "EEXIST"].includes(errnoOf(thrown) ?? "")) throw thrown;
  }
  return target;
}

/** To be called while nobody else can make a container. */
export function dropBorrowed(place: StorePlace, lease: Lease): void {
  if (place.db.query("SELECT 1 FROM roots").get() === null) dropAllBorrowed(place, lease);
}

/** In a new boot nothing has them mounted, and what a crash has left of them cannot be told from what is whole. */
export const dropAllBorrowed = (place: StorePlace, lease: Lease): void => moveToTrash(borrowedPath(place), lease);
