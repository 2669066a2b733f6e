// Making an image in the store from layers that are there and new ones: `commit` and `import` end here.
// Source: OCI image-spec manifest.md, config.md; Docker image-spec v1.2.

import { digestOf } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Compression } from "../base/media-types.ts";
import type { Descriptor, ImageConfig } from "../base/oci-image.ts";
import { chainIds } from "../storage/chain.ts";
import type { Lease, Store, StoredImage } from "../storage/store.ts";
import { convertManifest } from "./convert.ts";
import { rawManifest } from "./manifest.ts";
import type { Cargo, Source } from "./source.ts";

/** One layer: its content's digest and its blob as it lies in the store. */
export interface MadeLayer {
  readonly diffId: Digest;
  readonly blob: Digest;
  readonly size: number;
  readonly compression: Compression;
}

export interface MadeImage {
  readonly format: "oci" | "docker";
  /** Without rootfs, which follows from the layers. */
  readonly config: Omit<ImageConfig, "rootfs">;
  /** From the base up. */
  readonly layers: readonly MadeLayer[];
  readonly names: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** As PutImage has it. */
  readonly unsynced?: boolean;
}

const layerTypes = { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd } as const;

/** Unpacks what is not unpacked yet and makes the image visible; all its blobs are held by the lease. */
export async function assembleImage(store: Store, lease: Lease, made: MadeImage): Promise<StoredImage> {
  const chain = chainIds(made.layers.map(({ diffId }) => diffId));
  for (const [position, layer] of made.layers.entries()) await unpackLayer(store, lease, { layer, chain, position });
  const { raw, manifest, configBytes, config } = cargoOf(made);
  store.blobs.put(configBytes, lease);
  store.blobs.put(raw.bytes, lease);
  return store.images.put({
    config: manifest.config.digest,
    manifest: { digest: raw.digest, mediaType: raw.mediaType },
    ...(config?.created ? { created: config.created } : {}),
    layers: chain,
    blobs: manifest.layers.map(({ digest }) => digest),
    names: made.names,
    ...(made.unsynced ? { unsynced: true } : {}),
  });
}

/** The image's config and manifest. */
export function cargoOf(made: MadeImage): Cargo {
  const config: ImageConfig = { ...made.config, rootfs: { type: "layers", diff_ids: made.layers.map(({ diffId }) => diffId) } };
  return manifestOf(made, config, new TextEncoder().encode(JSON.stringify(config)));
}

/** An image that is sent away without ever showing in the store; its layers' blobs are held by the caller's lease. */
export function madeSource(store: Store, made: MadeImage): { readonly source: Source; readonly cargo: Cargo } {
  const cargo = cargoOf(made);
  const source: Source = {
    name: "containers-storage:(new image)",
    manifest: async () => cargo.raw,
    async blob({ digest }, offset = 0) {
      if (digest !== cargo.manifest.config.digest) return { stream: store.blobs.stream(digest, offset), size: store.blobs.size(digest) };
      const bytes = cargo.configBytes.subarray(offset);
      return { size: cargo.configBytes.length, stream: (async function* () { yield bytes; })() };
    },
    async close() {},
  };
  return { source, cargo };
}

async function unpackLayer(
  store: Store,
  lease: Lease,
  { layer, chain, position }: { layer: MadeLayer; chain: readonly Digest[]; position: number },
): Promise<void> {
  const parent = chain[position - 1];
  lease.holdBlob(layer.blob);
  await store.layers.apply({
    chainId: chain[position]!,
    diffId: layer.diffId,
    ...(parent === undefined ? {} : { parent }),
    source: { digest: layer.blob, size: layer.size, compression: layer.compression },
    lease,
  });
}

function manifestOf({ format, layers, annotations }: MadeImage, config: ImageConfig, configBytes: Uint8Array): Cargo {
  const manifest = {
    schemaVersion: 2 as const,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf(configBytes), size: configBytes.length },
    layers: layers.map(({ blob, size, compression }): Descriptor => ({ mediaType: layerTypes[compression], digest: blob, size })),
    ...(annotations ? { annotations } : {}),
  };
  const raw = rawManifest(new TextEncoder().encode(JSON.stringify(manifest)), mediaTypes.ociManifest);
  const cargo: Cargo = { raw, manifest, configBytes, config };
  return format === "docker" ? convertManifest(cargo, mediaTypes.dockerManifest) : cargo;
}
