// oci: and oci-archive: an image layout as a directory or as a tar file of one, images told apart by their ref name.
// Source: OCI image-spec image-layout.md; annotation org.opencontainers.image.ref.name.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { algorithmOf, digestOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { asRecord, findList, parseJson } from "../../base/shape.ts";
import { writeBlobFile } from "../blob-file.ts";
import { rawManifest, readDescriptor, readManifest } from "../manifest.ts";
import type { RawManifest } from "../manifest.ts";
import { blobFile } from "../read-blob.ts";
import { referrerOf } from "../referrers.ts";
import type { Sink, Source } from "../source.ts";
import { directoryTree, fileFault } from "../tree.ts";
import type { Tree } from "../tree.ts";

const refName = "org.opencontainers.image.ref.name";
const subject = { what: "image layout's index.json", code: "image.malformed" } as const;

/** `isShared`: in a directory of blobs alone. */
const blobName = (digest: Digest, isShared = false): string =>
  `${isShared ? "" : "blobs/"}${algorithmOf(digest)}/${hexOf(digest)}`;

/** The layout's entries. @throws Fault "image.malformed" */
export function layoutEntries(tree: Tree): Descriptor[] {
  const fields = asRecord(parseJson(tree.read("index.json", limits.manifestBytesMax), subject, limits.manifestBytesMax), subject);
  return findList(fields, "manifests", subject, limits.indexEntriesMax).map(readDescriptor);
}

/** `name` is "" for the only image, "@N" for the one at a place, else a ref name. */
export function chooseEntry(tree: Tree, name: string): Descriptor {
  const entries = layoutEntries(tree);
  const place = /^@(\d+)$/.exec(name);
  const found = place
    ? entries[Number(place[1])]
    : name === "" ? only(tree, entries) : entries.find(entry => entry.annotations?.[refName] === name);
  if (found) return found;
  const names = entries.map(entry => entry.annotations?.[refName]).filter(Boolean);
  throw new Fault(
    "image.not-found",
    name === ""
      ? `cannot choose an image of ${JSON.stringify(tree.path)}: it holds ${entries.length}`
      : `no descriptor found for reference ${JSON.stringify(name)}`,
    { hint: names.length > 0 ? `name one of: ${names.join(", ")}` : "give another layout" },
  );
}

/** The only image; artifacts that refer to it are none. */
function only(tree: Tree, entries: readonly Descriptor[]): Descriptor | undefined {
  if (entries.length < 2) return entries[0];
  const images = entries.filter(entry => entry.annotations?.[refName] !== undefined || !tree.has(blobName(entry.digest)) ||
    referrerOf(rawManifest(tree.read(blobName(entry.digest), limits.manifestBytesMax), entry.mediaType)) === undefined);
  return images.length === 1 ? images[0] : undefined;
}

export function layoutSource(
  tree: Tree,
  { scheme, name, blobs = tree }: { scheme: "oci" | "oci-archive"; name: string; blobs?: Tree },
): Source & { readonly entry: Descriptor } {
  const entry = chooseEntry(tree, name);
  const read = (digest: Digest, type?: string): RawManifest => {
    const bytes = blobs.read(blobName(digest, blobs !== tree), limits.manifestBytesMax);
    if (digestOf(bytes, algorithmOf(digest)) !== digest) {
      throw new Fault("digest.mismatch", `cannot read manifest "${digest}" of ${JSON.stringify(tree.path)}: its bytes have another digest`);
    }
    return rawManifest(bytes, type);
  };
  return {
    name: `${scheme}:${tree.path}${name === "" ? "" : `:${name}`}`,
    entry,
    manifest: async (instance?: Digest) => (instance === undefined ? read(entry.digest, entry.mediaType) : read(instance)),
    async blob({ digest }, offset = 0) {
      const file = blobName(digest, blobs !== tree);
      return { stream: blobs.stream(file, offset), size: blobs.size(file) };
    },
    file: blob => blobFile(blobs.pathOf?.(blobName(blob.digest, blobs !== tree)), blob),
    referrers: async subject => layoutEntries(tree).filter(one => referrerOf(read(one.digest, one.mediaType))?.subject === subject),
    close: async () => tree.close(),
  };
}

/** @param sharedBlobDir where the blobs are, when not in the layout */
export const ociSource = (path: string, name: string, sharedBlobDir?: string): Source & { readonly entry: Descriptor } =>
  layoutSource(directoryTree(path), {
    scheme: "oci",
    name,
    ...(sharedBlobDir === undefined ? {} : { blobs: directoryTree(sharedBlobDir) }),
  });

export interface LayoutSinkOptions {
  readonly layers?: "uncompressed";
  /** What messages call it; default "oci:PATH". */
  readonly title?: string;
  /** False: plain layers stay plain. */
  readonly packsLayers?: boolean;
  /** Where the blobs go instead of into the layout. */
  readonly sharedBlobDir?: string;
}

/** Adds an image to a layout, which is made where there is none; an image of the same ref name is replaced. */
export function ociSink(path: string, name: string, options: LayoutSinkOptions = {}): Sink {
  const directory = resolve(path);
  const shared = options.sharedBlobDir === undefined ? undefined : resolve(options.sharedBlobDir);
  const fileOf = (digest: Digest): string =>
    shared === undefined ? join(directory, blobName(digest)) : join(shared, blobName(digest, true));
  const has = (digest: Digest) => existsSync(fileOf(digest));
  const keep = (raw: RawManifest): void => {
    const file = fileOf(raw.digest);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, raw.bytes);
  };
  const list = (raw: RawManifest): void => {
    keep(raw);
    const before = readLayout(directory);
    const annotations = name === "" ? {} : { annotations: { [refName]: name } };
    const entry = { mediaType: raw.mediaType, digest: raw.digest, size: raw.bytes.length, ...annotations };
    const others = before.filter(one => one.digest !== raw.digest || one.annotations?.[refName] !== name)
      .filter(one => name === "" || one.annotations?.[refName] !== name);
    writeLayout(directory, [...others, entry]);
  };
  prepare(directory, shared === undefined);
  return {
    name: options.title ?? `oci:${path}${name === "" ? "" : `:${name}`}`,
    takesIndex: true,
    anyConfig: true,
    mediaTypes: [mediaTypes.ociManifest],
    packsLayers: options.packsLayers ?? true,
    ...(options.layers ? { layers: options.layers } : {}),
    has: async ({ digest }) => has(digest),
    put(blob, _place, _cargo, content) {
      const file = fileOf(blob.digest);
      mkdirSync(join(file, ".."), { recursive: true });
      return writeBlobFile(file, blob, content);
    },
    async finish({ raw }, member) {
      if (member) keep(raw);
      else list(raw);
    },
    finishIndex: async raw => list(raw),
    isConfusedByReferrers: name === "",
    async putReferrer(raw) {
      keep(raw);
      const before = readLayout(directory);
      const { descriptor } = referrerOf(raw) ?? {};
      if (descriptor !== undefined && before.every(one => one.digest !== raw.digest)) writeLayout(directory, [...before, descriptor]);
    },
    async close() {},
  };
}

/** Renamed into place, so that a reader never sees half of it. */
export function writeLayout(directory: string, manifests: readonly Descriptor[]): void {
  const file = join(directory, "index.json");
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  renameSync(`${file}.${process.pid}`, file);
}

function readLayout(directory: string): Descriptor[] {
  const file = join(directory, "index.json");
  if (!existsSync(file)) return [];
  const fields = asRecord(parseJson(readFileSync(file), subject, limits.manifestBytesMax), subject);
  return findList(fields, "manifests", subject, limits.indexEntriesMax).map(readDescriptor);
}

export function prepare(directory: string, hasBlobs: boolean): void {
  try {
    mkdirSync(join(directory, hasBlobs ? "blobs/sha256" : "blobs"), { recursive: true });
    writeFileSync(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  } catch (thrown) {
    throw fileFault(`cannot write to ${JSON.stringify(directory)}`, thrown);
  }
}

/** Takes an image off a layout's list, and the blobs away that no other image of it needs. @throws Fault "image.not-found" */
export function removeFromLayout(path: string, name: string, sharedBlobDir?: string): void {
  if (sharedBlobDir !== undefined) {
    throw new Fault("usage.unsupported", "cannot delete from an image layout: its blobs are shared with others");
  }
  const directory = resolve(path);
  const tree = directoryTree(directory);
  const gone = chooseEntry(tree, name);
  const left = layoutEntries(tree).filter(entry => entry.digest !== gone.digest || entry.annotations?.[refName] !== gone.annotations?.[refName]);
  const needed = new Set(left.flatMap(entry => reachable(tree, entry)));
  writeLayout(directory, left);
  for (const digest of reachable(tree, gone)) if (!needed.has(digest)) rmSync(join(directory, blobName(digest)), { force: true });
}

/** Every blob an entry leads to, itself included; of an index those members that are here. */
function reachable(tree: Tree, entry: Descriptor, depth = 0): Digest[] {
  if (!tree.has(blobName(entry.digest)) || depth > 4) return [];
  const parsed = readManifest(rawManifest(tree.read(blobName(entry.digest), limits.manifestBytesMax), entry.mediaType));
  if (parsed.kind === "image") {
    return [entry.digest, parsed.manifest.config.digest, ...parsed.manifest.layers.map(layer => layer.digest)];
  }
  return [entry.digest, ...parsed.index.manifests.flatMap(member => reachable(tree, member, depth + 1))];
}
