// A root's changes as a layer of the store: archived and hashed in one pass, its tree taken over as it is.

import type { Digest } from "../../base/digest.ts";
import type { MadeLayer } from "../../image/assemble.ts";
import { chainIds } from "../../storage/chain.ts";
import type { Lease } from "../../storage/store.ts";
import type { WrittenEntry } from "../../storage/tar/writer.ts";
import { tarOfDiff, tarOfTree } from "../../storage/tar/tree.ts";
import type { Host } from "../host.ts";

type Time = WrittenEntry["mtime"];

export interface TimeOption {
  /** The time each entry gets instead of its own. */
  readonly mtime?: (own: Time) => Time;
}

const altering = (mtime: TimeOption["mtime"]) =>
  mtime === undefined ? {} : { alter: (entry: WrittenEntry): WrittenEntry => ({ ...entry, mtime: mtime(entry.mtime) }) };

export interface LayerOptions extends TimeOption {
  /** Diff IDs of the layers under it, from the base up. */
  readonly below: readonly Digest[];
}

/** The root is gone afterwards. */
export function layerOfRoot(host: Host, id: string, lease: Lease, { below, mtime }: LayerOptions): MadeLayer {
  const tree = host.store.roots.takeUpper(id, lease);
  const layer = storeArchive(host, tarOfDiff(tree, altering(mtime)), lease);
  // With other times than its own the tree is not what the archive says: it is unpacked anew.
  if (mtime !== undefined) return layer;
  const chain = chainIds([...below, layer.diffId]);
  const parent = chain.at(-2);
  host.store.layers.adopt({
    chainId: chain.at(-1)!, diffId: layer.diffId, ...(parent === undefined ? {} : { parent }), blob: layer.blob, size: layer.size, tree, lease,
  });
  return layer;
}

/** All of a root's tree as one layer, whatever lies under it. */
export function layerOfWholeRoot(host: Host, path: string, lease: Lease, { mtime }: TimeOption = {}): MadeLayer {
  return storeArchive(host, tarOfTree(path, { ...altering(mtime), withRoot: true }), lease);
}

export function storeArchive(host: Host, chunks: Iterable<Uint8Array>, lease: Lease): MadeLayer {
  const writer = host.store.blobs.stage(lease);
  try {
    for (const chunk of chunks) writer.write(chunk);
    const size = writer.offset;
    const blob = writer.commit();
    return { diffId: blob, blob, size, compression: "none" };
  } catch (thrown) {
    writer.abort({ drop: true });
    throw thrown;
  }
}
