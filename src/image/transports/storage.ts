// containers-storage: images in our own store, read as they came in and written so that nothing shows before all is there.

import { freePiece } from "../../base/garbage.ts";
import { algorithmOf, digestOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { chainIds } from "../../storage/chain.ts";
import type { Lease, Store, StoredImage } from "../../storage/store.ts";
import { layerCompression, rawManifest } from "../manifest.ts";
import { imagePlatform } from "../stored-config.ts";
import type { PlatformChoice } from "../platform.ts";
import { blobFile } from "../read-blob.ts";
import type { BlobContent, BlobPlace, BlobStream, Cargo, Sink, Source } from "../source.ts";

/** @param name what messages call it; default the ID */
export function storageSource(store: Store, image: StoredImage, name = image.names[0] ?? `@${image.id}`): Source {
  return {
    name: `containers-storage:${name}`,
    async manifest(instance?: Digest) {
      const wanted = instance === undefined ? image.manifest : image.manifests.find(one => one.digest === instance);
      if (wanted === undefined) {
        throw new Fault("image.not-found", `cannot read manifest "${instance}": the store has no such instance of ${name}`);
      }
      return rawManifest(store.blobs.read(wanted.digest), wanted.mediaType);
    },
    blob: async ({ digest }, offset = 0) => storedBlob(store, digest, offset),
    file: blob => blobFile(store.blobs.path(blob.digest), blob),
    plainSize: diffId => store.layers.findByDiffId(diffId)[0]?.size,
    signatures: async (instance?: Digest) => store.images.signatures(image.id, instance ?? image.manifest.digest),
    async close() {},
  };
}

/** @throws Fault "store.damaged" when it is not here */
export function storedBlob(store: Store, digest: Digest, offset: number): BlobStream {
  const size = store.blobs.size(digest);
  if (size === undefined) throw new Fault("store.damaged", `cannot read blob "${digest}": the store does not have it`);
  return { stream: store.blobs.stream(digest, offset), size };
}

export interface StorageSink extends Sink {
  /** After `finish`: what was made. */
  readonly stored: () => StoredImage;
  /** The same of its platform, read before another command can have removed the image. */
  readonly platform: () => PlatformChoice;
}

/** @param names whole references the image gets; [] for none */
export function storageSink(store: Store, names: readonly string[]): StorageSink {
  const lease = store.lease();
  let stored: StoredImage | undefined;
  let platform: PlatformChoice = {};
  const chains = new WeakMap<Cargo, Digest[]>();
  const chainOf = (cargo: Cargo): Digest[] => {
    const known = chains.get(cargo);
    if (known) return known;
    const made = chainIds(cargo.config!.rootfs.diff_ids);
    chains.set(cargo, made);
    return made;
  };
  return {
    name: `containers-storage:${names[0] ?? "(no name)"}`,
    takesIndex: false,
    anyConfig: false,
    async has(blob, place, cargo) {
      // Held before it is looked at: between the two a removal could take it.
      lease.holdBlob(blob.digest);
      if (!store.blobs.isWhole(blob.digest)) return false;
      if (place.kind === "layer") {
        const chainId = chainOf(cargo)[place.position]!;
        lease.holdLayer(chainId);
        if (!store.layers.isWhole(chainId)) return false;
      }
      return true;
    },
    async put(blob, place, cargo, content) {
      if (place.kind === "config") return putConfig(store, lease, cargo);
      const chain = chainOf(cargo);
      // The tree may be here from a blob packed otherwise; this one is kept beside it, so that it goes out as it came.
      if (store.layers.isWhole(chain[place.position]!)) await keepBlob(store, lease, { blob, content });
      await store.layers.apply(applyOf({ blob, place, cargo, content, lease, chain }));
      return store.blobs.size(blob.digest) ?? blob.size;
    },
    async finish(cargo) {
      stored = putImage({ store, lease, cargo, chain: chainOf(cargo), names });
      platform = imagePlatform(store, stored);
    },
    async finishIndex() {},
    async putSignatures(signatures, raw) {
      if (stored) store.images.keepSignatures(stored.id, { digest: raw.digest, signatures });
    },
    async close(ok) {
      lease.release({ keep: !ok });
    },
    platform: () => platform,
    stored() {
      if (stored) return stored;
      throw new Error("storage sink asked for its image before it was finished");
    },
  };
}

/** Keeps a blob as it comes, on from where an interrupted attempt ended. */
export async function keepBlob(store: Store, lease: Lease, { blob, content }: { readonly blob: Descriptor; readonly content: BlobContent }): Promise<void> {
  const writer = await store.blobs.resume(blob.digest, lease);
  if (!writer) return;
  try {
    for await (const piece of await content.open(writer.offset)) {
      writer.write(piece);
      freePiece(piece);
    }
    writer.commit({ digest: blob.digest, ...(blob.size < 0 ? {} : { size: blob.size }) });
  } catch (thrown) {
    writer.abort();
    throw thrown;
  }
}

interface Apply {
  readonly blob: Descriptor;
  readonly place: BlobPlace & { kind: "layer" };
  readonly cargo: Cargo;
  readonly content: BlobContent;
  readonly lease: Lease;
  readonly chain: readonly Digest[];
}

function applyOf({ blob, place, cargo, content, lease, chain }: Apply): Parameters<Store["layers"]["apply"]>[0] {
  const parent = chain[place.position - 1];
  return {
    chainId: chain[place.position]!,
    diffId: cargo.config!.rootfs.diff_ids[place.position]!,
    ...(parent === undefined ? {} : { parent }),
    lease,
    source: {
      digest: blob.digest,
      compression: layerCompression(blob.mediaType),
      ...(blob.size < 0 ? {} : { size: blob.size }),
      open: offset => content.open(offset),
      ...(content.part === undefined ? {} : { part: { ...content.part, onBytes: content.onBytes } }),
    },
  };
}

function putConfig(store: Store, lease: Lease, cargo: Cargo): number {
  store.blobs.put(cargo.configBytes, lease);
  return cargo.configBytes.length;
}

function putImage({ store, lease, cargo, chain, names }: {
  store: Store; lease: Lease; cargo: Cargo; chain: readonly Digest[]; names: readonly string[];
}): StoredImage {
  const { raw, index, manifest, config } = cargo;
  for (const one of [raw, ...(index ? [index] : [])]) {
    if (digestOf(one.bytes, algorithmOf(one.digest)) !== one.digest) {
      throw new Fault("digest.mismatch", `cannot store manifest "${one.digest}": its bytes have another digest`);
    }
    store.blobs.put(one.bytes, lease);
  }
  return store.images.put({
    config: manifest.config.digest,
    manifest: { digest: raw.digest, mediaType: raw.mediaType },
    ...(index ? { indexes: [{ digest: index.digest, mediaType: index.mediaType }] } : {}),
    ...(config?.created ? { created: config.created } : {}),
    layers: chain,
    blobs: manifest.layers.map(layer => layer.digest),
    names,
  });
}
