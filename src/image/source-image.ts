// Source images: an image layout whose one artifact holds what an image was built from, an archive a layer.
// Source: buildah-source(1); OCI image-spec image-layout.md.

import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { digestOf, hexOf } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { nowNs, rfc3339Nano } from "../base/time.ts";
import { copyImage } from "./copy.ts";
import { readManifest } from "./manifest.ts";
import type { OnProgress } from "./progress.ts";
import type { ImageSystem } from "./system.ts";
import { openSink, openSource } from "./transport.ts";
import { ociSource, prepare, writeLayout } from "./transports/oci.ts";

const configType = "application/vnd.oci.source.image.config.v1+json";

const blobFile = (directory: string, digest: Digest): string => `${directory}/blobs/sha256/${hexOf(digest)}`;

function putBlob(directory: string, bytes: Uint8Array): { digest: Digest; size: number } {
  const digest = digestOf(bytes);
  writeFileSync(blobFile(directory, digest), bytes);
  return { digest, size: bytes.length };
}

interface SourceManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

function putManifest(directory: string, { config, layers }: SourceManifest): void {
  const value = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, ...(layers.length > 0 ? { layers } : {}) };
  const { digest, size } = putBlob(directory, new TextEncoder().encode(JSON.stringify(value)));
  writeLayout(directory, [{ mediaType: mediaTypes.ociManifest, digest, size }]);
}

/** @throws Fault "system.exists" */
export function createSourceImage(directory: string, { author, hasTime }: { readonly author?: string; readonly hasTime: boolean }): void {
  if (existsSync(directory)) throw new Fault("system.exists", `creating source image: ${JSON.stringify(directory)} already exists`);
  prepare(directory, true);
  const config = { ...(hasTime ? { created: rfc3339Nano(nowNs(), "utc") } : {}), ...(author ? { author } : {}) };
  const { digest, size } = putBlob(directory, new TextEncoder().encode(JSON.stringify(config)));
  putManifest(directory, { config: { mediaType: configType, digest, size }, layers: [] });
}

async function openSourceImage(directory: string): Promise<SourceManifest & { digest: Digest }> {
  const source = ociSource(directory, "");
  const parsed = readManifest(await source.manifest());
  await source.close();
  if (parsed.kind === "image" && parsed.manifest.config.mediaType === configType) return { ...parsed.manifest, digest: parsed.raw.digest };
  throw new Fault("image.unsupported", `invalid media type of source image: ${JSON.stringify(parsed.kind === "image" ? parsed.manifest.config.mediaType : "an index")}`);
}

/** A file or directory as one more layer, archived and packed. @throws Fault "system.not-found" */
export async function addToSourceImage(directory: string, artifact: string, annotations: Readonly<Record<string, string>>): Promise<void> {
  const before = await openSourceImage(directory);
  const packed = Bun.gzipSync(await archiveOf(artifact));
  const { digest, size } = putBlob(directory, packed);
  const notes = Object.keys(annotations).length > 0 ? { annotations } : {};
  putManifest(directory, { config: before.config, layers: [...before.layers, { mediaType: mediaTypes.ociLayerGzip, digest, size, ...notes }] });
  rmSync(blobFile(directory, before.digest), { force: true });
}

/** At most 1 GiB of it. */
async function archiveOf(artifact: string): Promise<Uint8Array<ArrayBuffer>> {
  const stat = statSync(artifact, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault("system.not-found", `creating compressed tar stream: ${artifact}: no such file or directory`);
  const { tarOfPath } = await import("../storage/tar/tree.ts");
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const chunk of tarOfPath(artifact)) {
    size += chunk.length;
    if (size > artifactBytesMax) throw new Fault("input.too-large", `cannot add ${JSON.stringify(artifact)}: larger than ${artifactBytesMax} bytes`);
    parts.push(chunk.slice());
  }
  return Buffer.concat(parts);
}

const artifactBytesMax = 1024 * 1024 * 1024;

export interface SourceTrip {
  readonly system: ImageSystem;
  readonly onProgress?: OnProgress;
}

/** @returns the digest of the manifest */
export async function pushSourceImage(directory: string, name: string, { system, onProgress }: SourceTrip): Promise<Digest> {
  const sink = await openSink({ transport: "docker", rest: name.replace(/^docker:\/\//, "") }, { system });
  const { raw } = await copyImage(ociSource(directory, ""), sink, onProgress ? { onProgress } : {});
  return raw.digest;
}

/** @throws Fault "image.unsupported" for an image that is none of sources */
export async function pullSourceImage(name: string, directory: string, { system, onProgress }: SourceTrip): Promise<void> {
  if (existsSync(directory)) throw new Fault("system.exists", `creating source image: ${JSON.stringify(directory)} already exists`);
  const source = await openSource({ transport: "docker", rest: name.replace(/^docker:\/\//, "") }, { system });
  const top = readManifest(await source.manifest());
  if (top.kind !== "image" || top.manifest.config.mediaType !== configType) {
    await source.close();
    throw new Fault("image.unsupported", `${name} is not a source image`, { hint: "pull images with: buildah pull" });
  }
  const sink = await openSink({ transport: "oci", rest: directory }, { system });
  await copyImage(source, sink, onProgress ? { onProgress } : {});
}
