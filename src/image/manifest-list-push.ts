// Sending a manifest list away, its members from wherever they are.
// Source: podman-manifest-push(1).

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Store } from "../storage/store.ts";
import { copyImage } from "./copy.ts";
import type { CopyOptions } from "./copy.ts";
import { rawManifest, readManifest } from "./manifest.ts";
import type { RawManifest } from "./manifest.ts";
import type { ManifestList } from "./manifest-list.ts";
import type { Packing } from "./pack.ts";
import type { OnProgress } from "./progress.ts";
import type { Source } from "./source.ts";
import type { ImageSystem } from "./system.ts";
import { openSink, openSource, parseImageName } from "./transport.ts";
import type { ImageName, World } from "./transport.ts";

export interface PushList {
  readonly store: Store;
  readonly system: ImageSystem;
  readonly all: boolean;
  readonly mediaType?: string;
  readonly packing?: Packing;
  readonly addCompression?: CopyOptions["addCompression"];
  readonly removeSignatures?: boolean;
  readonly openStore?: World["openStore"];
  readonly signing?: Pick<CopyOptions, "sign">;
  readonly onProgress?: OnProgress;
}

/** @returns the digest of the index as it was written */
export async function pushList(list: ManifestList, destination: ImageName, request: PushList): Promise<Digest> {
  const { store, system, all, mediaType, packing, onProgress, signing } = request;
  const world: World = { store, system, ...(request.openStore ? { openStore: request.openStore } : {}) };
  const sink = await openSink(destination, world, packing || request.addCompression ? { packsLayers: true } : {});
  const { raw } = await copyImage(listSource(list, world), sink, {
    instances: all ? "all" : "index-only",
    ...(mediaType ? { mediaType } : {}),
    ...(packing ? { packing } : {}),
    ...(request.addCompression ? { addCompression: request.addCompression } : {}),
    ...(request.removeSignatures ? { removeSignatures: true } : {}),
    ...signing,
    ...(onProgress ? { onProgress } : {}),
  });
  return raw.digest;
}

/** The list as a source: its own bytes, and each member's from the store or from where it was added. */
function listSource(list: ManifestList, world: World): Source {
  const store = world.store!;
  const opened = new Map<string, Promise<Source>>();
  /** Which source a blob belongs to, by its digest. */
  const owners = new Map<Digest, Promise<Source>>();
  const elsewhere = (text: string): Promise<Source> => {
    const known = opened.get(text) ?? openSource(parseImageName(text), world);
    opened.set(text, known);
    return known;
  };
  const own = async (): Promise<RawManifest> => {
    const image = store.images.get(list.id);
    if (image === undefined) throw new Fault("image.not-found", `${list.names[0] ?? list.id}: image not known`);
    return rawManifest(store.images.manifest(image), image.manifest.mediaType);
  };
  const member = async (digest: Digest): Promise<RawManifest> => {
    const entry = list.index.manifests.find(one => one.digest === digest);
    if (store.blobs.has(digest)) return rawManifest(store.blobs.read(digest), entry?.mediaType);
    const text = list.sources.get(digest);
    if (text === undefined) {
      throw new Fault("image.not-found", `cannot read manifest "${digest}": it is not in the store any more`, { hint: "pull the image again, or take it out of the list" });
    }
    const source = elsewhere(text);
    const raw = await (await source).manifest(digest);
    const parsed = readManifest(raw);
    if (parsed.kind === "image") for (const blob of [parsed.manifest.config, ...parsed.manifest.layers]) owners.set(blob.digest, source);
    return raw;
  };
  return {
    name: list.names[0] ?? list.id,
    manifest: instance => (instance === undefined ? own() : member(instance)),
    async blob(descriptor, offset = 0) {
      const size = store.blobs.size(descriptor.digest);
      if (size !== undefined) return { stream: store.blobs.stream(descriptor.digest, offset), size };
      const owner = owners.get(descriptor.digest);
      if (owner === undefined) throw new Fault("store.damaged", `cannot read blob "${descriptor.digest}": the store does not have it`);
      return (await owner).blob(descriptor, offset);
    },
    async close() {
      for (const source of opened.values()) await (await source).close();
    },
  };
}
