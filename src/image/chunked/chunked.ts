// zstd:chunked: a zstd layer whose files stand in frames of their own, with a table of contents in skippable frames at its end.
// Source: containers/storage, "zstd:chunked" (pkg/chunked): TOC version 1, footer and annotations; RFC 8878, skippable frames.

import { newHasher } from "../../base/digest.ts";
import type { Hasher } from "../../base/digest.ts";
import { TarPieces } from "./tar-pieces.ts";
import type { PieceEntry, PieceHandler } from "./tar-pieces.ts";
import { Crc64, fileLine, segmentLine } from "./tar-split.ts";

export const chunkedAnnotations = {
  checksum: "io.github.containers.zstd-chunked.manifest-checksum",
  position: "io.github.containers.zstd-chunked.manifest-position",
  tarSplit: "io.github.containers.zstd-chunked.tarsplit-position",
} as const;

/** Compresses all of some bytes into one frame. */
export type Compress = (bytes: Uint8Array) => Uint8Array;

interface TocEntry {
  type: string;
  name: string;
  digest?: string;
  offset?: number;
  endOffset?: number;
  chunkSize?: number;
  chunkOffset?: number;
  chunkDigest?: string;
  [field: string]: unknown;
}

interface Chunk {
  readonly at: number;
  readonly offset: number;
  readonly size: number;
  readonly digest: string;
}

/** A chunk ends where the rolling sum's low bits are all ones, on average after 64 KiB; none is longer than this. */
const chunkBytesMax = 1024 * 1024;
const splitMask = 0xffff;
const windowBytes = 64;
const charOffset = 31;
const metadataBytesMax = 256 * 1024;

/** One layer on its way: push the tar, then `end`; frames go to `write` as they are made. */
export class ChunkedWriter implements PieceHandler {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #compress: Compress;
  readonly #pieces = new TarPieces(this);
  #offset = 0;
  /** Headers and padding since the last file's data. */
  #metadata: Uint8Array[] = [];
  #metadataBytes = 0;
  readonly #toc: TocEntry[] = [];
  #split: string[] = [];
  #position = 0;
  #entry: PieceEntry | undefined;
  #file: { hasher: Hasher; crc: Crc64; start: number; size: number; chunks: Chunk[] } | undefined;
  #chunk = new Uint8Array(chunkBytesMax);
  #filled = 0;
  #chunkAt = 0;
  #rolling = newRolling();

  constructor(compress: Compress, write: (bytes: Uint8Array) => void) {
    this.#compress = compress;
    this.#write = write;
  }

  push(tar: Uint8Array): void {
    this.#pieces.push(tar);
  }

  entry(raw: Uint8Array, entry: PieceEntry): void {
    this.#split.push(segmentLine(this.#position++, raw));
    this.#addMetadata(raw);
    this.#entry = entry;
    this.#file = undefined;
  }

  data(bytes: Uint8Array): void {
    if (this.#file === undefined) {
      this.#flushMetadata();
      this.#file = { hasher: newHasher(), crc: new Crc64(), start: this.#offset, size: 0, chunks: [] };
      this.#rolling = newRolling();
      this.#chunkAt = 0;
    }
    this.#file.hasher.update(bytes);
    this.#file.crc.update(bytes);
    this.#file.size += bytes.length;
    for (let at = 0; at < bytes.length;) at += this.#takeIntoChunk(bytes, at);
  }

  done(): void {
    const { type, name, linkName, mode, uid, gid, size, mtime, atime, ctime, xattrs, devMajor, devMinor } = this.#entry!;
    this.#endChunk();
    const file = this.#file;
    this.#split.push(fileLine(this.#position++, { name, size: file?.size ?? 0, crc: file?.crc.digest() }));
    const main: TocEntry = {
      type, name,
      ...present({ linkName, mode, size: type === "reg" ? size : 0, uid, gid, modtime: mtime, accesstime: atime, changetime: ctime, devMajor, devMinor }),
      ...(Object.keys(xattrs).length > 0 ? { xattrs } : {}),
      ...(file === undefined ? {} : { digest: file.hasher.digest(), offset: file.start, endOffset: this.#offset }),
    };
    const chunks = file?.chunks ?? [];
    const entries = chunks.length < 2 ? [main] : chunks.map((chunk, nth): TocEntry => ({
      ...(nth === 0 ? main : { type: "chunk", name }),
      ...present({ offset: chunk.offset, chunkOffset: chunk.at }),
      chunkSize: chunk.size,
      chunkDigest: chunk.digest,
    }));
    this.#toc.push(...entries);
  }

  /** Writes what is left and the table of contents; gives the layer's annotations. */
  end(): Record<string, string> {
    const rest = this.#pieces.end();
    if (rest.length > 0) this.#split.push(segmentLine(this.#position++, rest));
    this.#addMetadata(rest);
    this.#flushMetadata();
    const split = new TextEncoder().encode(this.#split.join(""));
    const packedSplit = this.#compress(split);
    const toc = new TextEncoder().encode(JSON.stringify({ version: 1, entries: this.#toc, tarSplitDigest: digestOf(packedSplit) }));
    const packedToc = this.#compress(toc);
    const tocAt = this.#skippable(packedToc);
    const splitAt = this.#skippable(packedSplit);
    this.#skippable(footerOf([tocAt, packedToc.length, toc.length, 1, splitAt, packedSplit.length, split.length]));
    return {
      [chunkedAnnotations.checksum]: digestOf(packedToc),
      [chunkedAnnotations.position]: `${tocAt}:${packedToc.length}:${toc.length}:1`,
      [chunkedAnnotations.tarSplit]: `${splitAt}:${packedSplit.length}:${split.length}`,
    };
  }

  #emit(bytes: Uint8Array): void {
    this.#write(bytes);
    this.#offset += bytes.length;
  }

  #addMetadata(raw: Uint8Array): void {
    this.#metadata.push(raw);
    this.#metadataBytes += raw.length;
    if (this.#metadataBytes > metadataBytesMax) this.#flushMetadata();
  }

  #flushMetadata(): void {
    if (this.#metadataBytes > 0) this.#emit(this.#compress(Buffer.concat(this.#metadata)));
    this.#metadata = [];
    this.#metadataBytes = 0;
  }

  /** Copies up to where the chunk ends; ends it there. */
  #takeIntoChunk(bytes: Uint8Array, at: number): number {
    const most = Math.min(bytes.length - at, chunkBytesMax - this.#filled);
    const taken = roll(this.#rolling, bytes, { at, most });
    this.#chunk.set(bytes.subarray(at, at + taken), this.#filled);
    this.#filled += taken;
    if (taken < most || this.#rolling.isAtSplit || this.#filled === chunkBytesMax) this.#endChunk();
    return taken;
  }

  #endChunk(): void {
    if (this.#filled === 0) return;
    const bytes = this.#chunk.subarray(0, this.#filled);
    this.#file!.chunks.push({ at: this.#chunkAt, offset: this.#offset, size: this.#filled, digest: digestOf(bytes) });
    this.#emit(this.#compress(bytes));
    this.#chunkAt += this.#filled;
    this.#filled = 0;
  }

  /** Returns where the content begins. */
  #skippable(content: Uint8Array): number {
    const head = new Uint8Array(8);
    const view = new DataView(head.buffer);
    view.setUint32(0, 0x184d2a50, true);
    view.setUint32(4, content.length, true);
    this.#emit(head);
    const at = this.#offset;
    this.#emit(content);
    return at;
  }
}

function digestOf(bytes: Uint8Array): string {
  const hasher = newHasher();
  hasher.update(bytes);
  return hasher.digest();
}

/** Go leaves out what is zero or empty. */
const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0 && value !== "" && value !== undefined));

/** Seven numbers of 64 bits, the lowest byte first, and the mark. */
function footerOf(numbers: readonly number[]): Uint8Array {
  const footer = new Uint8Array(64);
  const view = new DataView(footer.buffer);
  for (const [at, value] of numbers.entries()) view.setBigUint64(at * 8, BigInt(value), true);
  footer.set(new TextEncoder().encode("GNUlInUx"), 56);
  return footer;
}

interface Rolling {
  first: number;
  second: number;
  at: number;
  readonly window: Uint8Array;
  isAtSplit: boolean;
}

function newRolling(): Rolling {
  return { first: windowBytes * charOffset, second: windowBytes * (windowBytes - 1) * charOffset, at: 0, window: new Uint8Array(windowBytes), isAtSplit: false };
}

/** Rolls over at most `most` bytes and stops after the one that ends a chunk. Returns how many it took. */
function roll(rolling: Rolling, bytes: Uint8Array, { at, most }: { readonly at: number; readonly most: number }): number {
  let { first, second, at: place } = rolling;
  const { window } = rolling;
  let taken = 0;
  let isAtSplit = false;
  while (taken < most && !isAtSplit) {
    const byte = bytes[at + taken++]!;
    const drop = window[place]!;
    first = (first + byte - drop) | 0;
    second = (second + first - windowBytes * (drop + charOffset)) | 0;
    window[place] = byte;
    place = (place + 1) & (windowBytes - 1);
    isAtSplit = (second & splitMask) === splitMask;
  }
  Object.assign(rolling, { first, second, at: place, isAtSplit });
  return taken;
}
