// What is put into a manifest list: images of the store, images and indexes of any transport, and files as artifacts.
// Source: podman-manifest-add(1); OCI image-spec manifest.md, "Guidelines for Artifact Usage".

import { readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { digestOf, isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { errnoOf, Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Descriptor, Platform } from "../base/oci-image.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { mediaTypeOf, sniffedBytesMax } from "./artifact/media-type.ts";
import { readConfig } from "./config.ts";
import { readBlob } from "./read-blob.ts";
import { readManifest } from "./manifest.ts";
import type { ParsedManifest } from "./manifest.ts";
import { isList, read, withEntry, write, type ManifestList } from "./manifest-list.ts";
import { choosePlatform } from "./platform.ts";
import { lookupAny } from "./resolve.ts";
import type { Source } from "./source.ts";
import { storedConfig } from "./stored-config.ts";
import type { ImageSystem } from "./system.ts";
import { findImageName, openSource } from "./transport.ts";

export interface AddRequest {
  readonly store: Store;
  readonly system: ImageSystem;
  /** Of an index every entry, not only this machine's. */
  readonly all?: boolean;
}

export interface Added {
  readonly list: ManifestList;
  /** The last one where there are several. */
  readonly digest: Digest;
}

/** An image of the store by any of its names, else what a transport or registry has. @throws Fault "image.not-found", "registry.*" */
export async function addToList(list: ManifestList, name: string, request: AddRequest): Promise<Added> {
  const here = findImageName(name) === undefined ? lookupAny(request.store, name, plain(request.system)) : undefined;
  if (here !== undefined) return addStored(list, here.image, request);
  return addRemote(list, name, request);
}

/** A wish for a platform is about indexes, not about which name is meant. */
function plain({ platform: _platform, ...rest }: ImageSystem): ImageSystem {
  return rest;
}

function addStored(list: ManifestList, image: StoredImage, { store, all, system }: AddRequest): Added {
  if (isList(image)) {
    const other = read(store, image);
    const entries = all ? other.index.manifests : [choosePlatform(other.index, system.platform)];
    return addEntries(list, entries.map(entry => ({ entry, source: other.sources.get(entry.digest) })));
  }
  const { digest, mediaType } = image.manifest;
  const { os, architecture, variant, "os.version": osVersion, "os.features": osFeatures } = storedConfig(store, image);
  const entry = {
    mediaType, size: store.blobs.size(digest) ?? 0, digest,
    platform: platformOf({ os, architecture, variant, osVersion, osFeatures }),
  };
  return addEntries(list, [{ entry, source: undefined }]);
}

interface Facts {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

const platformOf = ({ os, architecture, variant, osVersion, osFeatures }: Facts): Platform => ({
  architecture, os, ...(variant ? { variant } : {}), ...(osVersion ? { "os.version": osVersion } : {}), ...(osFeatures?.length ? { "os.features": osFeatures } : {}),
});

function addEntries(list: ManifestList, entries: readonly { readonly entry: Descriptor; readonly source: string | undefined }[]): Added {
  const last = entries.at(-1);
  if (last === undefined) throw new Fault("image.not-found", "cannot add to manifest list: the index is empty");
  return { list: entries.reduce((grown, { entry, source }) => withEntry(grown, entry, source), list), digest: last.entry.digest };
}

async function addRemote(list: ManifestList, name: string, { store, system, all }: AddRequest): Promise<Added> {
  const imageName = findImageName(name) ?? { transport: "docker" as const, rest: name };
  const text = imageName.transport === "docker" ? `docker://${imageName.rest}` : `${imageName.transport}:${imageName.rest}`;
  const source = await openSource(imageName, { store, system });
  try {
    const top = readManifest(await source.manifest());
    if (top.kind === "image") return addEntries(list, [{ entry: await describe(source, top), source: text }]);
    const entries = all ? top.index.manifests : [choosePlatform(top.index, system.platform)];
    return addEntries(list, entries.map(entry => ({ entry, source: text })));
  } finally {
    await source.close();
  }
}

async function describe(source: Source, { manifest, raw }: ParsedManifest & { kind: "image" }): Promise<Descriptor> {
  const plainEntry = { mediaType: raw.mediaType, size: raw.bytes.length, digest: raw.digest };
  if (manifest.config.mediaType !== mediaTypes.ociConfig && manifest.config.mediaType !== mediaTypes.dockerConfig) {
    return { ...plainEntry, artifactType: manifest.artifactType ?? manifest.config.mediaType };
  }
  const { os, architecture, variant, "os.version": osVersion, "os.features": osFeatures } = readConfig(await readBlob(source, manifest.config));
  return { ...plainEntry, platform: platformOf({ os, architecture, variant, osVersion, osFeatures }) };
}

export interface ArtifactRequest {
  readonly type?: string;
  readonly layerType?: string;
  readonly configType?: string;
  readonly configFile?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly excludeTitles?: boolean;
  readonly subject?: Descriptor;
}

const emptyType = "application/vnd.oci.empty.v1+json";
const artifactBytesMax = 1024 * 1024 * 1024;

/** Files as one artifact, whose blobs stay with the list. @throws Fault "system.not-found" */
export function addArtifact(store: Store, list: ManifestList, { files, artifact }: { readonly files: readonly string[]; readonly artifact: ArtifactRequest }): Added {
  using lease = store.lease();
  const layers = files.map(file => {
    const bytes = readWhole(file);
    const digest = store.blobs.put(bytes, lease);
    const title = artifact.excludeTitles ? {} : { annotations: { "org.opencontainers.image.title": basename(file) } };
    return { mediaType: artifact.layerType ?? typeOf(file, bytes), digest, size: bytes.length, ...title };
  });
  const configBytes = artifact.configFile ? readWhole(artifact.configFile) : new TextEncoder().encode("{}");
  const configType = artifact.configType ?? (artifact.configFile ? mediaTypes.ociConfig : emptyType);
  const artifactType = artifact.type ?? "application/vnd.unknown.artifact.v1";
  const config = { mediaType: configType, digest: store.blobs.put(configBytes, lease), size: configBytes.length };
  const manifest = {
    schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType, config, layers,
    ...(artifact.subject ? { subject: artifact.subject } : {}),
    ...(artifact.annotations && Object.keys(artifact.annotations).length > 0 ? { annotations: artifact.annotations } : {}),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const digest = store.blobs.put(bytes, lease);
  const source = `files:${JSON.stringify(files.map(file => realpathSync(file)))}`;
  const grown = withEntry(list, { mediaType: mediaTypes.ociManifest, size: bytes.length, digest, artifactType }, source);
  return { list: write(store, grown, [digest, config.digest, ...layers.map(layer => layer.digest)]), digest };
}

function readWhole(file: string): Uint8Array {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= artifactBytesMax) return bytes;
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `open ${file}: ${reason}`, { cause });
  }
  throw new Fault("input.too-large", `cannot add ${JSON.stringify(file)}: larger than ${artifactBytesMax} bytes`);
}

const typesByEnding: Readonly<Record<string, string>> = {
  css: "text/css", csv: "text/csv", gz: "application/gzip", htm: "text/html", html: "text/html", jpeg: "image/jpeg", jpg: "image/jpeg",
  js: "text/javascript", json: "application/json", md: "text/markdown", pdf: "application/pdf", png: "image/png", svg: "image/svg+xml",
  tar: "application/x-tar", txt: "text/plain", wasm: "application/wasm", xml: "application/xml", zip: "application/zip",
};

/** By the name's ending where it says enough, else by the first bytes; never with parameters. */
function typeOf(file: string, bytes: Uint8Array): string {
  const ending = /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase();
  const known = ending !== undefined && Object.hasOwn(typesByEnding, ending) ? typesByEnding[ending] : undefined;
  return known ?? mediaTypeOf(bytes.subarray(0, sniffedBytesMax)).replace(/;.*/, "");
}

/** The entry that a person means: a digest, a file that was added, or an image by name. @throws Fault "usage.invalid" */
export async function entryOf(list: ManifestList, written: string, { store, system }: AddRequest): Promise<Digest> {
  if (isDigest(written)) return written;
  const byFile = fileEntry(list, written);
  if (byFile !== undefined) return byFile;
  const here = findImageName(written) === undefined ? lookupAny(store, written, plain(system)) : undefined;
  if (here !== undefined) return here.image.manifest.digest;
  const source = await openSource(findImageName(written) ?? { transport: "docker", rest: written }, { store, system });
  try {
    return digestOf((await source.manifest()).bytes);
  } finally {
    await source.close();
  }
}

function fileEntry({ sources }: ManifestList, written: string): Digest | undefined {
  let real: string;
  try {
    real = realpathSync(written);
  } catch {
    return undefined;
  }
  const found = [...sources].find(([, source]) => source.startsWith("files:") && (JSON.parse(source.slice(6)) as string[]).includes(real));
  return found?.[0];
}

/** What a list or an artifact is about: the manifest that a name leads to. */
export async function subjectOf(name: string, { store, system }: AddRequest): Promise<Descriptor> {
  const here = findImageName(name) === undefined ? lookupAny(store, name, plain(system)) : undefined;
  if (here !== undefined) {
    const { digest, mediaType } = here.image.manifest;
    return { mediaType, digest, size: store.blobs.size(digest) ?? 0 };
  }
  const source = await openSource(findImageName(name) ?? { transport: "docker", rest: name }, { store, system });
  try {
    const { bytes, mediaType, digest } = await source.manifest();
    return { mediaType, digest, size: bytes.length };
  } finally {
    await source.close();
  }
}
