// Instances that an index lacks: the same images compressed otherwise, for those who can read that, beside those for everyone.
// Source: podman-manifest-push(1), "--add-compression"; go.podman.io/image's annotation io.github.containers.compression.zstd.

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Compression } from "../base/media-types.ts";
import type { Index } from "../base/oci-image.ts";
import { zstdMark } from "./convert.ts";
import { layerCompression, readManifest } from "./manifest.ts";
import type { RawManifest } from "./manifest.ts";
import type { PackFormat } from "./pack.ts";

type Entry = Index["manifests"][number];

export interface Variant {
  readonly entry: Entry;
  readonly format: PackFormat;
}

const plainFormat = (format: PackFormat): Compression => (format === "gzip" ? "gzip" : "zstd");

const platformKey = ({ platform }: Entry): string => JSON.stringify([platform?.os, platform?.architecture, platform?.variant, platform?.["os.version"], platform?.["os.features"]]);

/** zstd where every layer is; undefined for what is no image, such as an attestation. */
function compressionOf(raw: RawManifest): Compression | undefined {
  const parsed = readManifest(raw);
  if (parsed.kind !== "image" || parsed.manifest.layers.length === 0) return undefined;
  try {
    return parsed.manifest.layers.every(({ mediaType }) => layerCompression(mediaType) === "zstd") ? "zstd" : "gzip";
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

/** For each platform and format that no entry has, as it was written, the first entry of that platform. */
export function missingVariants(entries: readonly Entry[], written: ReadonlyMap<Digest, RawManifest>, formats: readonly PackFormat[]): Variant[] {
  const images = entries.flatMap(entry => {
    const compression = compressionOf(written.get(entry.digest)!);
    return compression === undefined ? [] : [{ entry, key: platformKey(entry), compression }];
  });
  const firsts = images.filter((one, at) => images.findIndex(({ key }) => key === one.key) === at);
  const wanted = formats.filter((format, at) => formats.findIndex(other => plainFormat(other) === plainFormat(format)) === at);
  return firsts.flatMap(({ entry, key }) => {
    const missing = wanted.filter(format => !images.some(one => one.key === key && one.compression === plainFormat(format)));
    return missing.map(format => ({ entry, format }));
  });
}

/** The entry for it in the index. */
export function variantEntry({ entry, format }: Variant, raw: RawManifest): Entry {
  const { [zstdMark]: _mark, ...annotations } = entry.annotations ?? {};
  const marked = format === "gzip" ? annotations : { ...annotations, [zstdMark]: "true" };
  const { annotations: _all, ...rest } = entry;
  return { ...rest, mediaType: raw.mediaType, digest: raw.digest, size: raw.bytes.length, ...(Object.keys(marked).length > 0 ? { annotations: marked } : {}) };
}

interface Fit {
  readonly mediaType: string | undefined;
  readonly isWhole: boolean;
  /** Manifest types of the destination; absent: any. */
  readonly takes: readonly string[] | undefined;
}

/** Only an index of OCI's can say how an instance is compressed. @throws Fault "usage.invalid" */
export function checkVariantsFit({ mediaType = mediaTypes.ociManifest, isWhole, takes }: Fit): void {
  const { ociManifest } = mediaTypes;
  if (isWhole && mediaType === ociManifest && (takes?.includes(ociManifest) ?? true)) return;
  throw new Fault("usage.invalid", "cannot add compressed instances: only a whole OCI image index can hold them", { hint: "push all of the list with --format oci to docker://, oci: or dir:" });
}
