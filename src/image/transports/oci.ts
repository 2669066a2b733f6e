// oci: and oci-archive: an image layout as a directory or as a tar file of one, images told apart by their ref name.
// Source: OCI image-spec image-layout.md; annotation org.opencontainers.image.ref.name.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { algorithmOf, digestOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { asRecord, findList, parseJson } from "../../base/shape.ts";
import { writeBlobFile } from "../blob-file.ts";
import { rawManifest, readDescriptor } from "../manifest.ts";
import type { RawManifest } from "../manifest.ts";
import type { Sink, Source } from "../source.ts";
import { directoryTree, fileFault } from "../tree.ts";
import type { Tree } from "../tree.ts";

const refName = "org.opencontainers.image.ref.name";
const subject = { what: "image layout's index.json", code: "image.malformed" } as const;

const blobName = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

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
    : name === "" ? (entries.length === 1 ? entries[0] : undefined) : entries.find(entry => entry.annotations?.[refName] === name);
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

export function layoutSource(
  tree: Tree,
  { scheme, name }: { scheme: "oci" | "oci-archive"; name: string },
): Source & { readonly entry: Descriptor } {
  const entry = chooseEntry(tree, name);
  const read = (digest: Digest, type?: string): RawManifest => {
    const bytes = tree.read(blobName(digest), limits.manifestBytesMax);
    if (digestOf(bytes, algorithmOf(digest)) !== digest) {
      throw new Fault("digest.mismatch", `cannot read manifest "${digest}" of ${JSON.stringify(tree.path)}: its bytes have another digest`);
    }
    return rawManifest(bytes, type);
  };
  return {
    name: `${scheme}:${tree.path}${name === "" ? "" : `:${name}`}`,
    entry,
    manifest: async (instance?: Digest) => (instance === undefined ? read(entry.digest, entry.mediaType) : read(instance)),
    blob: async ({ digest }, offset = 0) => ({ stream: tree.stream(blobName(digest), offset), size: tree.size(blobName(digest)) }),
    close: async () => tree.close(),
  };
}

export const ociSource = (path: string, name: string): Source & { readonly entry: Descriptor } =>
  layoutSource(directoryTree(path), { scheme: "oci", name });

export interface LayoutSinkOptions {
  readonly layers?: "uncompressed";
  /** What messages call it; default "oci:PATH". */
  readonly title?: string;
}

/** Adds an image to a layout, which is made where there is none; an image of the same ref name is replaced. */
export function ociSink(path: string, name: string, options: LayoutSinkOptions = {}): Sink {
  const directory = resolve(path);
  const has = (digest: Digest) => existsSync(join(directory, blobName(digest)));
  const keep = (raw: RawManifest): void => {
    const file = join(directory, blobName(raw.digest));
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
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...others, entry] };
    writeFileSync(join(directory, "index.json"), JSON.stringify(index));
  };
  prepare(directory);
  return {
    name: options.title ?? `oci:${path}${name === "" ? "" : `:${name}`}`,
    takesIndex: true,
    anyConfig: true,
    mediaTypes: [mediaTypes.ociManifest],
    ...(options.layers ? { layers: options.layers } : {}),
    has: async ({ digest }) => has(digest),
    put(blob, _place, _cargo, content) {
      const file = join(directory, blobName(blob.digest));
      mkdirSync(join(file, ".."), { recursive: true });
      return writeBlobFile(file, blob, content);
    },
    async finish({ raw }, member) {
      if (member) keep(raw);
      else list(raw);
    },
    finishIndex: async raw => list(raw),
    async close() {},
  };
}

function readLayout(directory: string): Descriptor[] {
  const file = join(directory, "index.json");
  if (!existsSync(file)) return [];
  const fields = asRecord(parseJson(readFileSync(file), subject, limits.manifestBytesMax), subject);
  return findList(fields, "manifests", subject, limits.indexEntriesMax).map(readDescriptor);
}

function prepare(directory: string): void {
  try {
    mkdirSync(join(directory, "blobs/sha256"), { recursive: true });
    writeFileSync(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  } catch (thrown) {
    throw fileFault(`cannot write to ${JSON.stringify(directory)}`, thrown);
  }
}
