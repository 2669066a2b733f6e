// One layer from its source to its place in one pass: keep the blob, and meanwhile hash, inflate, hash and unpack it.
// The download only appends to a file; the unpacking follows that file, on another thread where the layer is large.

import { existsSync } from "node:fs";
import { algorithmOf, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { Download } from "./download.ts";
import { formFor } from "./erofs/choice.ts";
import { Growth } from "./growing.ts";
import { type LayersNeeds, showLayer } from "./layers.ts";
import { layerPath, randomName, spreadTrees, type StorePlace } from "./place.ts";
import type { ApplyLayer, Lease, StoredLayer } from "./store.ts";
import { removePath } from "./tree.ts";
import type { Unpacked, UnpackJob } from "./unpack-job.ts";
import { unpack } from "./unpackers.ts";

export interface ApplyNeeds extends LayersNeeds {
  find(chainId: Digest): StoredLayer | undefined;
}

export async function applyLayer(place: StorePlace, needs: ApplyNeeds, layer: ApplyLayer): Promise<StoredLayer> {
  layer.lease?.holdLayer(layer.chainId);
  const known = needs.find(layer.chainId);
  if (known !== undefined && existsSync(layerPath(place, layer.chainId))) return known;
  const lease = layer.lease ?? needs.lease();
  try {
    return await applyNew(place, { needs, layer, lease });
  } finally {
    // Without a lease of the caller's the layer is his to put into an image at once.
    if (layer.lease === undefined) lease.release({ keep: true });
  }
}

interface Applying {
  readonly needs: ApplyNeeds;
  readonly layer: ApplyLayer;
  readonly lease: Lease;
}

async function applyNew(place: StorePlace, { needs, layer, lease }: Applying): Promise<StoredLayer> {
  spreadTrees(lease.directory);
  const staged = `${lease.directory}/${randomName()}`;
  const form = formFor(place, layer.source.size);
  const download = await openDownload(needs, layer, lease);
  try {
    const unpacked = download === undefined ? await unpackKept(needs, layer, { staged, form }) : await follow(download, layer, { staged, form });
    if (unpacked.diffId !== layer.diffId) throw wrongDiff(layer, unpacked.diffId);
    download?.commit(unpacked.isPlain && algorithmOf(layer.source.digest) === "sha256" ? unpacked.diffId : undefined);
    const { parent, chainId, diffId } = layer;
    const finished = { chainId, diffId, parent, size: unpacked.size, blob: layer.source.digest };
    showLayer(place, { ...finished, root: unpacked.root, staged }, lease);
    return finished;
  } catch (thrown) {
    throw explained(download === undefined ? thrown : await download.fail(thrown), layer);
  } finally {
    removePath(staged);
    removePath(`${staged}.orphan`);
  }
}

/** Undefined when the blob is here already. */
async function openDownload({ blobs }: ApplyNeeds, { source }: ApplyLayer, lease: Lease): Promise<Download | undefined> {
  if (source.open !== undefined) {
    const writer = await blobs.resume(source.digest, lease);
    return writer && new Download(source, writer);
  }
  lease.holdBlob(source.digest);
  return undefined;
}

interface Kept {
  readonly source: { readonly digest: Digest };
  readonly onProgress?: ApplyLayer["onProgress"];
}

/** From the store: the content's own digest is checked, which a blob gone bad would not pass. */
export async function unpackKept({ blobs }: Pick<ApplyNeeds, "blobs">, { source, onProgress }: Kept, { staged, form }: Pick<UnpackJob, "staged" | "form">): Promise<Unpacked> {
  const size = blobs.size(source.digest);
  if (size === undefined) {
    throw new Fault("store.damaged", `cannot unpack layer ${source.digest}: its blob is not in the store`, { hint: "pull the image again" });
  }
  const growth = new Growth(size);
  growth.end();
  const unpacked = await unpack({ file: blobs.path(source.digest), staged, form }, growth, size);
  onProgress?.(size);
  return unpacked;
}

/** Downloads and unpacks at once. When either fails the other is stopped, and has ended when this throws. */
async function follow(download: Download, { source, onProgress }: ApplyLayer, { staged, form }: Pick<UnpackJob, "staged" | "form">): Promise<Unpacked> {
  await download.begin();
  const growth = new Growth(download.offset);
  let hasFailed = false;
  const job = unpack({ file: download.path, staged, form }, growth, source.size);
  job.catch(() => (hasFailed = true));
  try {
    onProgress?.(download.offset);
    while (!hasFailed && (await download.step())) {
      growth.advance(download.offset);
      onProgress?.(download.offset);
    }
  } catch (thrown) {
    growth.stop();
    await job.catch(() => {});
    throw thrown;
  }
  growth.end();
  return job;
}

export const wrongDiff = (layer: Kept & Pick<ApplyLayer, "diffId">, found: Digest): Fault =>
  new Fault("digest.mismatch", `cannot unpack layer ${layer.source.digest}: its content has digest ${found}, not ${layer.diffId}`, {
    hint: "do not trust this image: its config and its layers do not belong together",
  });

/** Says which layer it was about. */
function explained(thrown: unknown, layer: ApplyLayer): unknown {
  if (!(thrown instanceof Fault) || !/^(layer|system)\./.test(thrown.code)) return thrown;
  const { code, message, hint, errno } = thrown;
  return new Fault(code, `cannot unpack layer ${layer.source.digest.slice(0, 19)}: ${message}`, { cause: thrown, hint, errno });
}
