// Packing layers anew: plain or otherwise packed ones into gzip or zstd, in scratch files, as their digests come last.
// Source: RFC 1952 (gzip), RFC 8878 (zstd).

import { closeSync, createReadStream, createWriteStream, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { newHasher } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Compression } from "../base/media-types.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { scratch } from "../base/scratch.ts";
import { layerCompression } from "./manifest.ts";
import type { Sink, Source } from "./source.ts";
import { fileFault } from "./tree.ts";

export type PackFormat = "gzip" | "zstd" | "zstd:chunked";

export interface Packing {
  /** Absent: gzip, and only for plain layers. */
  readonly format?: PackFormat;
  readonly level?: number;
  /** Plain layers are packed even where the source's digests would hold otherwise. */
  readonly isForced?: boolean;
  /** Nobody asked for it: what is signed stays as it was signed. */
  readonly isUsual?: boolean;
}

/** Says of a layer that it has a table of contents. */
const chunkedMark = "io.github.containers.zstd-chunked.manifest-checksum";

/** Reads --dest-compress-format. @throws Fault "usage.*" */
export function packingFormat(text: string): PackFormat {
  if (text === "gzip" || text === "zstd" || text === "zstd:chunked") return text;
  if (text === "bzip2" || text === "xz") {
    throw new Fault("usage.unsupported", `cannot compress layers as ${JSON.stringify(text)}: not supported`, { hint: "use gzip, zstd or zstd:chunked" });
  }
  throw new Fault("usage.invalid", `cannot find compressor for ${JSON.stringify(text)}`, { hint: "use gzip, zstd or zstd:chunked" });
}

/** How a layer is to be packed for a sink; undefined where it stays as it is. */
export function packingOf(layer: Descriptor, { source, sink, packing = {} }: { source: Source; sink: Sink; packing?: Packing }): PackFormat | undefined {
  if (!sink.packsLayers || sink.layers === "uncompressed") return undefined;
  const have: Compression = layerCompression(layer.mediaType);
  if (have === "none") {
    const asked = source.isSynthesized === true || packing.format !== undefined || packing.isForced === true;
    return asked ? (packing.format ?? "gzip") : undefined;
  }
  if (packing.format === "zstd:chunked" && have === "zstd") return layer.annotations?.[chunkedMark] === undefined ? packing.format : undefined;
  return packing.format === undefined || packing.format === have ? undefined : packing.format;
}

export interface PackedLayers {
  /** By the digest they had before. */
  readonly packed: ReadonlyMap<Digest, Descriptor>;
  /** The source with the packed layers beside its own. */
  readonly source: Source;
  remove(): void;
}

/** Packs each layer once, one after the other: the compressors keep every core busy by themselves. */
export async function packLayers(
  layers: readonly { readonly layer: Descriptor; readonly format: PackFormat }[],
  { source, level, tmpDir }: { readonly source: Source; readonly level?: number | undefined; readonly tmpDir?: string | undefined },
): Promise<PackedLayers> {
  const aside = scratch(tmpDir);
  const packed = new Map<Digest, Descriptor>();
  const files = new Map<Digest, string>();
  try {
    for (const [at, { layer, format }] of layers.entries()) {
      if (packed.has(layer.digest)) continue;
      const file = join(aside.path, String(at));
      const made = await (format === "zstd:chunked" ? packChunked(source, layer, { file, level }) : packOne(await plainOf(source, layer), { file, format, level }));
      packed.set(layer.digest, { ...made, mediaType: format === "gzip" ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd });
      files.set(made.digest, file);
    }
  } catch (thrown) {
    aside.remove();
    throw fileFault("cannot compress layers", thrown);
  }
  return { packed, source: withFiles(source, files), remove: aside.remove };
}

/** The layer's tar, its packed bytes verified on the way. */
async function plainOf(source: Source, layer: Descriptor): Promise<AsyncIterable<Uint8Array>> {
  const { stream } = await source.blob(layer);
  const checked = verified(stream, layer);
  if (layerCompression(layer.mediaType) === "none") return checked;
  return (await import("./inflate.ts")).inflated(checked);
}

/** The same bytes; the stream ends with a fault where they have another digest. */
export async function* verified(stream: AsyncIterable<Uint8Array>, { digest }: Descriptor): AsyncIterable<Uint8Array> {
  const hasher = newHasher(digest.slice(0, digest.indexOf(":")));
  for await (const piece of stream) {
    hasher.update(piece);
    yield piece;
  }
  if (hasher.digest() !== digest) throw new Fault("digest.mismatch", `cannot read blob "${digest}": its bytes have another digest`);
}

interface Pack {
  readonly file: string;
  readonly format: "gzip" | "zstd";
  readonly level: number | undefined;
}

async function packOne(plain: AsyncIterable<Uint8Array>, { file, format, level }: Pack): Promise<{ digest: Digest; size: number }> {
  const [{ Readable }, { pipeline }] = await Promise.all([import("node:stream"), import("node:stream/promises")]);
  const hasher = newHasher();
  let size = 0;
  const counted = async function* (pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const piece of pieces) {
      hasher.update(piece);
      size += piece.length;
      yield piece;
    }
  };
  await pipeline(Readable.from(plain, { objectMode: false }), await compressor(format, level), counted, createWriteStream(file));
  return { digest: hasher.digest(), size };
}

/** Plain zstd where the layer holds what a table of contents cannot say. */
async function packChunked(source: Source, layer: Descriptor, { file, level }: Omit<Pack, "format">): Promise<Omit<Descriptor, "mediaType">> {
  try {
    return await writeChunked(await plainOf(source, layer), { file, level });
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "image.unsupported") throw thrown;
    return packOne(await plainOf(source, layer), { file, level, format: "zstd" });
  }
}

async function writeChunked(plain: AsyncIterable<Uint8Array>, { file, level = 3 }: Omit<Pack, "format">): Promise<Omit<Descriptor, "mediaType">> {
  const [{ ChunkedWriter }, zlib] = await Promise.all([import("./chunked/chunked.ts"), import("node:zlib")]);
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: Math.max(1, Math.min(22, level)) };
  const hasher = newHasher();
  let size = 0;
  const fd = openSync(file, "w", 0o600);
  try {
    const writer = new ChunkedWriter(bytes => zlib.zstdCompressSync(bytes, { params }), bytes => {
      hasher.update(bytes);
      size += bytes.length;
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    });
    for await (const piece of plain) writer.push(piece);
    const annotations = writer.end();
    return { digest: hasher.digest(), size, annotations };
  } finally {
    closeSync(fd);
  }
}

async function compressor(format: "gzip" | "zstd", level: number | undefined): Promise<NodeJS.ReadWriteStream> {
  const zlib = await import("node:zlib");
  if (format === "gzip") return zlib.createGzip(level === undefined ? {} : { level: Math.max(0, Math.min(9, level)) });
  const { ZSTD_c_compressionLevel } = zlib.constants;
  return zlib.createZstdCompress(level === undefined ? {} : { params: { [ZSTD_c_compressionLevel]: Math.max(1, Math.min(22, level)) } });
}

/** The source with blobs in files beside its own. */
export function withFiles(source: Source, files: ReadonlyMap<Digest, string>): Source {
  return {
    ...source,
    file: descriptor => files.get(descriptor.digest) ?? source.file?.(descriptor),
    async blob(descriptor, offset = 0) {
      const file = files.get(descriptor.digest);
      if (file === undefined) return source.blob(descriptor, offset);
      return { stream: createReadStream(file, { start: offset, highWaterMark: 1024 * 1024 }), size: descriptor.size };
    },
  };
}
