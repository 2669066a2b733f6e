// --sbom: after the last step the result is scanned, and what was found goes into an image of its own or into files of the host.
// Source: buildah-build(1), "--sbom".

import { Fault } from "../base/fault.ts";
import { nowNs, rfc3339Nano } from "../base/time.ts";
import { filesForImage, keepOnHost, scanRoot, type Bills, type SbomScan } from "../engine/sbom/scan.ts";
import { copyIntoRoot } from "../engine/steps/copy.ts";
import { layerOfRoot, layerOfWholeRoot } from "../engine/steps/layer.ts";
import type { StoredImage } from "../storage/store.ts";
import { layerTime } from "./history.ts";
import { fixedTime, type BuildRequest } from "./request.ts";
import type { Shared } from "./shared.ts";
import type { StageResult } from "./stage.ts";
import { commitStage } from "./stage-image.ts";

interface Billing {
  readonly result: StageResult;
  /** With the names, which the stages did not know. */
  readonly request: BuildRequest;
  readonly scan: SbomScan;
}

/** The image that gets the names: the stage's own, or one more on top of it. */
export async function withBills(shared: Shared, { result, request, scan }: Billing): Promise<StoredImage> {
  const { host, lease } = shared;
  const { image } = result;
  if (image === undefined) throw new Fault("build.failed", "cannot make a bill of materials: the build made no image");
  const root = shared.newRoot(image.layers.at(-1));
  const contexts = [request.contextDirectory, ...[...request.contexts.values()].flatMap(({ kind, value }) => (kind === "directory" ? [value] : []))];
  const { system, pull: policy, onProgress } = request;
  using bills = await scanRoot(host, { scan, lease, root: root.path, contexts, pull: { system, policy, onProgress } });
  const made = filesForImage(scan, bills).size > 0 ? await imageWith(shared, { result, request, scan, bills, root }) : named(shared, request, image);
  keepOnHost(scan, bills);
  return made;
}

function named({ host }: Shared, request: BuildRequest, image: StoredImage): StoredImage {
  for (const name of request.tags) host.store.images.tag(image.id, name);
  return host.store.images.get(image.id)!;
}

interface Adding extends Billing {
  readonly bills: Bills;
  readonly root: { readonly id: string; readonly path: string };
}

async function imageWith({ host, lease }: Shared, { result, request, scan, bills, root }: Adding): Promise<StoredImage> {
  const { config: stage, standing } = result;
  const files = filesForImage(scan, bills);
  for (const [target, source] of files) {
    const slash = source.lastIndexOf("/");
    await copyIntoRoot(root.path, { tree: source.slice(0, slash), sources: [source.slice(slash + 1)], destination: target });
  }
  const mtime = layerTime(request);
  const time = mtime ? { mtime } : {};
  const isOne = request.squash === "all";
  const layer = isOne ? { squashed: layerOfWholeRoot(host, root.path, lease, time) }
    : { layer: layerOfRoot(host, root.id, lease, { below: standing.layers.map(({ diffId }) => diffId), ...time }) };
  const created = fixedTime(request) ?? rfc3339Nano(nowNs(), "utc");
  return commitStage(host, lease, {
    request, stage, standing, isFinal: true, names: request.tags, ...layer,
    entries: [{ created, created_by: `/bin/sh -c #(nop) ADD ${[...files.keys()].join(" ")}` }],
  });
}
