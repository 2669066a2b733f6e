// Layers: trees by chain ID, unpacked or as files, each made apart from the others.

import * as fs from "node:fs";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { droppedMark } from "./collect.ts";
import { shownTree, treePath } from "./erofs/views.ts";
import { layerPath, type StorePlace } from "./place.ts";
import type { RootAttributes } from "./tar/unpack.ts";
import type { Blobs, Layers, Lease, StoredLayer } from "./store.ts";

interface LayerRow {
  chain: Digest;
  diff: Digest;
  parent: Digest | null;
  size: number;
  blob: Digest;
}

const columns = "chain, diff, parent, size, blob";

export interface LayersNeeds {
  readonly blobs: Blobs;
  lease(): Lease;
}

export function openLayers(place: StorePlace, needs: LayersNeeds): Layers {
  const select = (where: string, key: string): StoredLayer[] =>
    place.db.query<LayerRow, [string]>(`SELECT ${columns} FROM layers WHERE ${where} = ?`).all(key).map(layerOf);
  const find = (chainId: Digest): StoredLayer | undefined => select("chain", chainId)[0];
  return {
    find,
    has: chainId => find(chainId) !== undefined,
    isWhole: chainId => find(chainId) !== undefined && fs.existsSync(layerPath(place, chainId)),
    isAwaited: chainId => !fs.existsSync(layerPath(place, chainId)) &&
      place.db.query<{ boot: string | null }, [string]>("SELECT boot FROM layers WHERE chain = ?").get(chainId)?.boot?.endsWith(droppedMark) === true,
    damage: async chainId => (await import("./verify.ts")).layerDamage(place, { ...needs, find }, chainId),
    mend: async chainId => (await import("./verify.ts")).mendLayer(place, { ...needs, find }, chainId),
    adopt(layer) {
      const { chainId, diffId, parent, blob, size, tree, lease: held } = layer;
      const finished = { chainId, diffId, parent, size, blob };
      showLayer(place, { ...finished, root: undefined, staged: tree }, held);
      return finished;
    },
    apply: async layer => (await import("./apply.ts")).applyLayer(place, { ...needs, find }, layer),
    diffPath: chainId => treePath(place, chainId),
    trees(top) {
      return this.chain(top).map(layer => treeOf(place, needs, layer));
    },
    chain(top) {
      const chain: StoredLayer[] = [];
      for (let next: Digest | undefined = top; next !== undefined; ) {
        const layer = find(next);
        if (layer === undefined) break;
        chain.push(layer);
        next = layer.parent;
      }
      return chain;
    },
    findByBlob: blob => select("blob", blob)[0],
    findByDiffId: diffId => select("diff", diffId),
  };
}

const layerOf = (row: LayerRow): StoredLayer => ({
  chainId: row.chain,
  diffId: row.diff,
  parent: row.parent ?? undefined,
  size: row.size,
  blob: row.blob,
});

export interface FinishedLayer extends StoredLayer {
  /** What its archive says of the root directory. */
  readonly root: RootAttributes | undefined;
  /** The unpacked tree or the file that stands for it, in the directory of the lease. */
  readonly staged: string;
}

/** Renames the tree to its place and makes it count. One that has come meanwhile stays. */
export function showLayer(place: StorePlace, layer: FinishedLayer, lease: Lease): void {
  place.transaction(() => {
    const target = layerPath(place, layer.chainId);
    const isKnown = place.db.query("SELECT 1 FROM layers WHERE chain = ?").get(layer.chainId) !== null;
    if (isKnown && !fs.existsSync(target)) {
      fs.renameSync(layer.staged, target);
      place.db.query("UPDATE layers SET boot = ? WHERE chain = ?").run(place.boot(), layer.chainId);
    }
    if (!isKnown) {
      // A tree without a row is what a dead process has left between its rename and its commit.
      if (fs.existsSync(target)) fs.renameSync(target, `${layer.staged}.orphan`);
      fs.renameSync(layer.staged, target);
      const root = layer.root === undefined ? null : JSON.stringify(layer.root);
      place.db.query("INSERT INTO layers VALUES (?, ?, ?, ?, ?, ?, ?)")
        .run(layer.chainId, layer.diffId, layer.parent ?? null, layer.size, layer.blob, root, place.boot());
    }
    lease.holdLayer(layer.chainId);
  });
}

/** A store that was moved may have come to a kernel that does not mount what another did: then the layer becomes a directory. */
function treeOf(place: StorePlace, needs: LayersNeeds, layer: StoredLayer): string {
  let refusal: unknown;
  try {
    const tree = shownTree(place, layer);
    if (tree !== undefined) return tree;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    refusal = thrown;
  }
  // Loaded only now: no other command needs it, and who mounts does not wait.
  const { remakeTree } = require("./remake.ts") as typeof import("./remake.ts");
  if (!remakeTree(place, needs, layer) && refusal !== undefined) throw refusal;
  return treePath(place, layer.chainId);
}

/** As podman has it whatever the layers say of "./": no image can shut its own users out of their root directory. */
export function rootAttributes(): RootAttributes {
  return { mode: 0o555, uid: 0, gid: 0 };
}
