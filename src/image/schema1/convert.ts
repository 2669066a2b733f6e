// A schema 1 image as one of schema 2: its layers are fetched into scratch files, as their sizes and diff IDs are not written anywhere.
// Source: Docker distribution manifest-v2-1 and manifest-v2-2.

import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, newHasher } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { scratch } from "../../base/scratch.ts";
import { writeBlobFile } from "../blob-file.ts";
import { sizeUnknown } from "../convert.ts";
import { inflated } from "../inflate.ts";
import { rawManifest, readManifest } from "../manifest.ts";
import type { ParsedManifest, RawManifest } from "../manifest.ts";
import { withFiles } from "../pack.ts";
import type { Source } from "../source.ts";
import { readSchema1, schema2Config } from "./schema1.ts";

export interface Converted {
  readonly image: ParsedManifest & { readonly kind: "image" };
  /** Has the config and the layers. */
  readonly source: Source;
  remove(): void;
}

/** @throws Fault "image.malformed", "digest.mismatch", or what the source throws; nothing is left then */
export async function asSchema2(raw: RawManifest, { source, tmpDir }: { readonly source: Source; readonly tmpDir?: string | undefined }): Promise<Converted> {
  const layers = readSchema1(raw);
  const aside = scratch(tmpDir);
  try {
    const files = new Map<Digest, string>();
    const fetched = new Map<Digest, Fetched>();
    for (const { digest } of layers.filter(layer => !layer.isEmpty)) {
      if (fetched.has(digest)) continue;
      files.set(digest, join(aside.path, String(files.size)));
      fetched.set(digest, await fetchLayer(source, digest, files.get(digest)!));
    }
    const full = layers.flatMap(layer => (layer.isEmpty ? [] : [fetched.get(layer.digest)!]));
    const config = schema2Config(layers, full.map(layer => layer.diffId));
    const configFile = join(aside.path, "config");
    writeFileSync(configFile, config);
    files.set(digestOf(config), configFile);
    const manifest = {
      schemaVersion: 2, mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, size: config.length, digest: digestOf(config) },
      layers: full.map(({ descriptor: { mediaType, size, digest } }) => ({ mediaType, size, digest })),
    };
    const image = readManifest(rawManifest(new TextEncoder().encode(JSON.stringify(manifest)), mediaTypes.dockerManifest));
    if (image.kind !== "image") throw new Error("an image was made into an index");
    return { image, source: { ...withFiles(source, files), isSynthesized: false }, remove: aside.remove };
  } catch (thrown) {
    aside.remove();
    throw thrown;
  }
}

interface Fetched {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

async function fetchLayer(source: Source, digest: Digest, file: string): Promise<Fetched> {
  const wanted: Descriptor = { mediaType: mediaTypes.dockerLayerGzip, digest, size: sizeUnknown };
  const open = async (offset: number): Promise<AsyncIterable<Uint8Array>> => (await source.blob(wanted, offset)).stream;
  const size = await writeBlobFile(file, wanted, { open, onBytes() {} });
  const hasher = newHasher();
  for await (const piece of inflated(createReadStream(file, { highWaterMark: 1024 * 1024 }))) hasher.update(piece);
  return { descriptor: { ...wanted, size }, diffId: hasher.digest() };
}
