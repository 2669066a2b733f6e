// Manifests and indexes: what kind the bytes are, read with bounds, refused with the reason where we cannot hold them.
// Source: OCI image-spec manifest.md and image-index.md; Docker distribution manifest-v2-2.

import { digestOf, isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { isIndexMediaType, mediaTypes } from "../base/media-types.ts";
import type { Compression } from "../base/media-types.ts";
import type { Descriptor, Index, Manifest, Platform } from "../base/oci-image.ts";
import {
  asRecord, findList, findRecord, findText, findTextMap, findTexts, malformed, needText, needWhole, parseJson,
} from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";
import { signedPayload } from "./schema1/signed.ts";

/** A manifest or index as it came, byte for byte. */
export interface RawManifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: Digest;
}

export type ParsedManifest =
  | { readonly kind: "image"; readonly manifest: Manifest; readonly raw: RawManifest }
  | { readonly kind: "index"; readonly index: Index; readonly raw: RawManifest };

const subject: Subject = { what: "image manifest", code: "image.malformed" };

const known: readonly string[] = [
  mediaTypes.ociManifest, mediaTypes.ociIndex, mediaTypes.dockerManifest, mediaTypes.dockerList,
  mediaTypes.dockerManifestV1, mediaTypes.dockerManifestV1Signed,
];

/** Wraps bytes; `claimed` is what the transport said they are, believed only where it is a manifest's type. */
export function rawManifest(bytes: Uint8Array, claimed?: string): RawManifest {
  const mediaType = claimed !== undefined && known.includes(claimed) ? claimed : guessMediaType(bytes);
  return { bytes, mediaType, digest: digestOf(mediaType === mediaTypes.dockerManifestV1Signed ? signedPayload(bytes) : bytes) };
}

function guessMediaType(bytes: Uint8Array): string {
  const fields = asRecord(parseJson(bytes, subject, limits.manifestBytesMax), subject);
  const stated = findText(fields, "mediaType", subject);
  if (stated !== undefined) return stated;
  if (fields["schemaVersion"] === 1) {
    return fields["signatures"] === undefined ? mediaTypes.dockerManifestV1 : mediaTypes.dockerManifestV1Signed;
  }
  if (Array.isArray(fields["manifests"])) return mediaTypes.ociIndex;
  const config = findRecord(fields, "config", subject);
  return config?.["mediaType"] === mediaTypes.dockerConfig ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
}

/**
 * Reads an image manifest or an index.
 *
 * @throws Fault "image.malformed"; "image.unsupported" for Docker's schema 1 (`schema1/`) and for types we do not know
 */
export function readManifest(raw: RawManifest): ParsedManifest {
  if (raw.mediaType === mediaTypes.dockerManifestV1 || raw.mediaType === mediaTypes.dockerManifestV1Signed) {
    throw new Fault("image.unsupported", "cannot read image manifest: Docker schema 1 is not supported here", {
      hint: "make it an image of schema 2 with: skopeo copy",
    });
  }
  if (!known.includes(raw.mediaType)) {
    throw new Fault("image.unsupported", `cannot read image manifest: unknown media type ${JSON.stringify(raw.mediaType)}`);
  }
  const fields = asRecord(parseJson(raw.bytes, subject, limits.manifestBytesMax), subject);
  if (fields["schemaVersion"] !== 2) throw malformed(subject, '"schemaVersion" is not 2');
  const stated = findText(fields, "mediaType", subject);
  if (stated !== undefined && stated !== raw.mediaType) {
    throw malformed(subject, `sent as ${JSON.stringify(raw.mediaType)} but says ${JSON.stringify(stated)}`);
  }
  return isIndexMediaType(raw.mediaType)
    ? { kind: "index", index: readIndex(fields, raw), raw }
    : { kind: "image", manifest: readImage(fields, raw), raw };
}

/** An entry with both shapes could be read as either by different tools. */
function refuseBothShapes(fields: Fields, forbidden: readonly string[]): void {
  for (const name of forbidden) {
    if (fields[name] !== undefined) throw malformed(subject, `holds both image and index fields ("${name}")`);
  }
}

function readIndex(fields: Fields, raw: RawManifest): Index {
  refuseBothShapes(fields, ["config", "layers", "fsLayers"]);
  if (!Array.isArray(fields["manifests"])) throw malformed(subject, '"manifests" is missing');
  const manifests = findList(fields, "manifests", subject, limits.indexEntriesMax).map(readDescriptor);
  return { schemaVersion: 2, mediaType: raw.mediaType, manifests, ...common(fields) };
}

function readImage(fields: Fields, raw: RawManifest): Manifest {
  refuseBothShapes(fields, ["manifests", "fsLayers"]);
  const config = readDescriptor(fields["config"]);
  const layers = findList(fields, "layers", subject, limits.layersMax).map(readDescriptor);
  return { schemaVersion: 2, mediaType: raw.mediaType, config, layers, ...common(fields) };
}

function common(fields: Fields): Pick<Index, "artifactType" | "annotations" | "subject"> {
  const artifactType = findText(fields, "artifactType", subject);
  const annotations = findTextMap(fields, "annotations", subject);
  const about = findRecord(fields, "subject", subject);
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(about === undefined ? {} : { subject: readDescriptor(about) }),
  };
}

export function readDescriptor(value: unknown): Descriptor {
  const fields = asRecord(value, subject, "a descriptor");
  const digest = needText(fields, "digest", subject);
  if (!isDigest(digest)) throw malformed(subject, `a descriptor's digest ${JSON.stringify(digest.slice(0, 160))} is not ALGORITHM:HEX`);
  const urls = findTexts(fields, "urls", subject, 64);
  const annotations = findTextMap(fields, "annotations", subject);
  const platform = readPlatform(findRecord(fields, "platform", subject));
  const artifactType = findText(fields, "artifactType", subject);
  return {
    mediaType: needText(fields, "mediaType", subject),
    digest,
    size: needWhole(fields, "size", subject),
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function readPlatform(fields: Fields | undefined): Platform | undefined {
  if (fields === undefined) return undefined;
  const variant = findText(fields, "variant", subject);
  const osVersion = findText(fields, "os.version", subject);
  const osFeatures = findTexts(fields, "os.features", subject, 1024);
  return {
    os: findText(fields, "os", subject) ?? "",
    architecture: findText(fields, "architecture", subject) ?? "",
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { "os.version": osVersion }),
    ...(osFeatures === undefined ? {} : { "os.features": osFeatures }),
  };
}

const layerCompressions: Readonly<Record<string, Compression>> = {
  [mediaTypes.ociLayer]: "none",
  [mediaTypes.ociLayerGzip]: "gzip",
  [mediaTypes.ociLayerZstd]: "zstd",
  [mediaTypes.dockerLayer]: "none",
  [mediaTypes.dockerLayerGzip]: "gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
  [mediaTypes.dockerForeignLayerGzip]: "gzip",
  "application/vnd.docker.image.rootfs.foreign.diff.tar": "none",
  "application/vnd.oci.image.layer.nondistributable.v1.tar": "none",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": "gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": "zstd",
};

/** How a layer's bytes are packed, by its media type. @throws Fault "image.unsupported" */
export function layerCompression(mediaType: string): Compression {
  const compression = layerCompressions[mediaType];
  if (compression !== undefined) return compression;
  if (mediaType.endsWith("+encrypted")) {
    throw new Fault("image.unsupported", `cannot read layer: encrypted layers (${JSON.stringify(mediaType)}) need a key`);
  }
  throw new Fault("image.unsupported", `cannot read layer: unknown media type ${JSON.stringify(mediaType.slice(0, 200))}`, {
    hint: "this may be an artifact and not an image; copy it with: skopeo copy",
  });
}

/** @throws Fault "image.unsupported" where the manifest is of an artifact, worded as podman does */
export function needImageConfig(manifest: Manifest): void {
  const type = manifest.config.mediaType;
  if (type === mediaTypes.ociConfig || type === mediaTypes.dockerConfig) return;
  throw new Fault(
    "image.unsupported",
    `unsupported image-specific operation on artifact with type ${JSON.stringify((manifest.artifactType ?? type).slice(0, 200))}`,
  );
}
