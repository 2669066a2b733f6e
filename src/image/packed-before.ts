// Layers that were packed before and lie where they are to go: found by their digests, they are not packed again.

import { isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { notesOf } from "../registry/notes.ts";
import type { Notes } from "../registry/notes.ts";
import type { PackFormat } from "./pack.ts";
import type { Cargo, Sink, Source } from "./source.ts";

export interface Wanted {
  readonly layer: Descriptor;
  readonly position: number;
  readonly format: PackFormat;
}

/** What a layer became, as "FORMAT DIGEST SIZE". */
const forms = (): Notes => notesOf("packed", "layers");

/** Those of `wanted` of which the sink has a packed form; a zstd:chunked one has annotations, which are not remembered. */
export async function packedBefore(wanted: readonly Wanted[], { cargo, source, sink }: { cargo: Cargo; source: Source; sink: Sink }): Promise<ReadonlyMap<Digest, Descriptor>> {
  const found = new Map<Digest, Descriptor>();
  for (const { layer, position, format } of wanted) {
    for (const form of forms().values(layer.digest).map(value => readForm(value, format))) {
      if (form === undefined || found.has(layer.digest)) continue;
      if (await sink.has(form, { kind: "layer", position }, cargo, source)) found.set(layer.digest, form);
    }
  }
  return found;
}

export function notePacked(packed: ReadonlyMap<Digest, Descriptor>): void {
  for (const [digest, { mediaType, digest: made, size, annotations }] of packed) {
    if (annotations === undefined) forms().note(digest, `${mediaType === mediaTypes.ociLayerGzip ? "gzip" : "zstd"} ${made} ${size}`);
  }
  forms().keep();
}

function readForm(value: string, format: PackFormat): Descriptor | undefined {
  const [name, digest = "", size = ""] = value.split(" ");
  if (name !== format || !isDigest(digest) || !/^\d{1,15}$/.test(size)) return undefined;
  return { mediaType: format === "gzip" ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd, digest, size: Number(size) };
}
