// Changing a manifest's type or its layers' packing, only where a sink or a person needs it; the digest changes then.

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Descriptor, Index } from "../base/oci-image.ts";
import { layerCompression, rawManifest } from "./manifest.ts";
import type { ParsedManifest, RawManifest } from "./manifest.ts";
import type { Cargo, Source } from "./source.ts";

/** Size of a blob that is not known before it is written. */
export const sizeUnknown = -1;

/**
 * The same image as an OCI or a Docker schema 2 manifest.
 *
 * @throws Fault "image.unsupported" where the type cannot say what the image holds, as zstd layers in Docker's
 */
export function convertManifest(cargo: Cargo, mediaType: string): Cargo {
  const isDocker = mediaType === mediaTypes.dockerManifest;
  if (!isDocker && mediaType !== mediaTypes.ociManifest) {
    throw new Fault("image.unsupported", `cannot convert image manifest: unknown type ${JSON.stringify(mediaType)}`);
  }
  const { config, layers, annotations } = cargo.manifest;
  return withManifest(cargo, mediaType, {
    config: { ...config, mediaType: isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig },
    layers: layers.map(layer => ({ ...layer, mediaType: layerType(layer, isDocker) })),
    ...(annotations && !isDocker ? { annotations } : {}),
  });
}

function layerType({ mediaType }: Descriptor, isDocker: boolean): string {
  const compression = layerCompression(mediaType);
  if (!isDocker) return { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd }[compression];
  if (compression !== "zstd") return compression === "gzip" ? mediaTypes.dockerLayerGzip : mediaTypes.dockerLayer;
  throw new Fault("image.unsupported", "cannot convert image manifest: Docker schema 2 has no zstd layers", {
    hint: "use --format oci",
  });
}

/** The same image with plain tar layers, named by their diff IDs; sizes that the source does not know stay open until they are written. */
export function uncompressedManifest(cargo: Cargo, source: Source): Cargo {
  const { manifest, raw, config } = cargo;
  if (manifest.layers.every(layer => layerCompression(layer.mediaType) === "none")) return cargo;
  const isDocker = raw.mediaType === mediaTypes.dockerManifest;
  const layers = manifest.layers.map((layer, position) => {
    const diffId = config?.rootfs.diff_ids[position];
    if (layerCompression(layer.mediaType) === "none") return layer;
    if (diffId === undefined) throw new Fault("image.malformed", "cannot unpack layers: the config does not name them");
    return { mediaType: isDocker ? mediaTypes.dockerLayer : mediaTypes.ociLayer, digest: diffId, size: source.plainSize?.(diffId) ?? sizeUnknown };
  });
  const { config: configDescriptor, annotations } = manifest;
  return withManifest(cargo, raw.mediaType, { config: configDescriptor, layers, ...(annotations ? { annotations } : {}) });
}

/** The same image with some layers packed otherwise; as an OCI manifest where Docker's cannot say how. */
export function withLayers(cargo: Cargo, packed: ReadonlyMap<Digest, Descriptor>, wanted: string | undefined): Cargo {
  const layers = cargo.manifest.layers.map(layer => packed.get(layer.digest) ?? layer);
  const hasZstd = layers.some(layer => layerCompression(layer.mediaType) === "zstd");
  const mediaType = wanted ?? (hasZstd ? mediaTypes.ociManifest : cargo.raw.mediaType);
  return convertManifest({ ...cargo, manifest: { ...cargo.manifest, layers } }, mediaType);
}

/** Says of an entry of an index that its layers are packed as zstd. */
export const zstdMark = "io.github.containers.compression.zstd";

/** Those that know no zstd take the first entry of their platform, so marked ones come last. */
const inOrder = (entries: readonly Descriptor[]): Descriptor[] => {
  const isMarked = ({ annotations }: Descriptor): boolean => annotations?.[zstdMark] === "true";
  return [...entries.filter(entry => !isMarked(entry)), ...entries.filter(isMarked)];
};

/** The same index with its members as they were written, in the given type, and those that were added; the very same where nothing differs. */
export function convertIndex(
  { index, raw }: ParsedManifest & { kind: "index" },
  written: ReadonlyMap<Digest, RawManifest>,
  { mediaType, added = [] }: { mediaType: string; added?: Index["manifests"] },
): RawManifest {
  const isSame = added.length === 0 && [...written].every(([digest, member]) => member.digest === digest);
  if (isSame && mediaType === raw.mediaType) return raw;
  if (isSame && written.size === 0) return raw;
  const manifests = index.manifests.map(entry => {
    const member = written.get(entry.digest);
    return member ? { ...entry, mediaType: member.mediaType, digest: member.digest, size: member.bytes.length } : entry;
  });
  const { annotations, artifactType, subject } = index;
  const ofOci = mediaType === mediaTypes.ociIndex ? { ...(artifactType ? { artifactType } : {}), ...(subject ? { subject } : {}), ...(annotations ? { annotations } : {}) } : {};
  const all = added.length === 0 ? manifests : inOrder([...manifests, ...added]);
  return rawManifest(new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, manifests: all, ...ofOci })), mediaType);
}

/** A cargo whose manifest is written anew from its parts. */
export function withManifest(
  cargo: Cargo,
  mediaType: string,
  parts: { config: Descriptor; layers: readonly Descriptor[]; annotations?: Readonly<Record<string, string>> },
): Cargo {
  const plain = ({ mediaType: type, digest, size, annotations }: Descriptor) =>
    ({ mediaType: type, digest, size, ...(annotations && mediaType === mediaTypes.ociManifest ? { annotations } : {}) });
  const manifest = {
    schemaVersion: 2 as const,
    mediaType,
    config: plain(parts.config),
    layers: parts.layers.map(plain),
    ...(parts.annotations ? { annotations: parts.annotations } : {}),
  };
  const { index, ...rest } = cargo;
  return { ...rest, manifest, raw: rawManifest(new TextEncoder().encode(JSON.stringify(manifest)), mediaType) };
}

/** The same cargo with the layers' sizes filled in, once they are known. */
export function withSizes(cargo: Cargo, sizes: readonly number[]): Cargo {
  const { config, layers, annotations } = cargo.manifest;
  if (layers.every((layer, position) => layer.size === sizes[position])) return cargo;
  const filled = layers.map((layer, position) => ({ ...layer, size: sizes[position]! }));
  return withManifest(cargo, cargo.raw.mediaType, { config, layers: filled, ...(annotations ? { annotations } : {}) });
}
