// Reads a tar stream pushed in chunks of any size and tells a handler its entries and their data.
// Source: POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format", "Storing Sparse Files".

import { limits } from "../../base/limits.ts";
import { type ByteText, type EntryKind, malformed, type SparseRegion, type TarEntry, toByteText } from "./entry.ts";
import { blockBytes, type Header, oldSparseRegions, oldSparseSize, parseHeader } from "./header.ts";
import { parsePax, type PaxRecords, sparseRegions } from "./pax.ts";

/** Told in the order of the archive. What `data` gets is valid only during the call. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Bytes of the file begun last, at this offset in the file; where they come from an archive, its position in that. */
  data(bytes: Uint8Array, offset: number, position?: number): void;
  /** The entry begun last is complete. */
  done(): void;
}

const kinds: Readonly<Record<string, EntryKind>> = {
  "0": "file", "7": "file", S: "file", "1": "hardlink", "2": "symlink",
  "3": "character", "4": "block", "5": "directory", "6": "fifo",
};

/** What the bytes to come are. */
type Phase = "header" | "long" | "old-sparse" | "sparse-map" | "data" | "padding" | "end";

export class TarReader {
  readonly #handler: TarHandler;
  #phase: Phase = "header";
  /** Bytes gathered of a block, or of a long header. */
  #gathered = new Uint8Array(blockBytes);
  #filled = 0;
  #wanted = blockBytes;
  #zeroBlocks = 0;
  #entries = 0;
  /** What extended headers have said of the entry to come. */
  #pax: PaxRecords = {};
  #longName: ByteText | undefined;
  #longLink: ByteText | undefined;
  #header: Header | undefined;
  #realSize = 0;
  #numbers: number[] = [];
  #regions: SparseRegion[] | undefined;
  #mapText = "";
  #mapBytes = 0;
  /** Bytes of data to come, then padding. */
  #left = 0;
  #padding = 0;
  #offset = 0;
  #region = 0;
  #inRegion = 0;
  /** Bytes of the archive before the chunk at hand. */
  #before = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#phase === "end") break;
      if (this.#phase === "data") at += this.#takeData(chunk, at);
      else if (this.#phase === "padding") at += this.#skip(chunk.length - at);
      else at += this.#gather(chunk, at);
    }
    this.#before += chunk.length;
  }

  /** @throws Fault "layer.malformed" when the stream has stopped inside an entry */
  end(): void {
    const betweenEntries = this.#phase === "header" && this.#filled === 0 && this.#header === undefined;
    const unfinished = this.#longName !== undefined || this.#longLink !== undefined || Object.keys(this.#pax).length > 0;
    if (this.#phase !== "end" && (!betweenEntries || unfinished)) throw malformed("it ends in the middle of an entry");
  }

  #gather(chunk: Uint8Array, at: number): number {
    if (this.#filled === 0 && chunk.length - at >= this.#wanted) {
      const used = this.#wanted;
      this.#block(chunk.subarray(at, at + used));
      return used;
    }
    const used = Math.min(this.#wanted - this.#filled, chunk.length - at);
    this.#gathered.set(chunk.subarray(at, at + used), this.#filled);
    this.#filled += used;
    if (this.#filled === this.#wanted) {
      this.#filled = 0;
      this.#block(this.#gathered.subarray(0, this.#wanted));
    }
    return used;
  }

  #want(bytes: number): void {
    this.#wanted = bytes;
    if (this.#gathered.length < bytes) this.#gathered = new Uint8Array(bytes);
  }

  #block(block: Uint8Array): void {
    switch (this.#phase) {
      case "long":
        return this.#longHeader(block);
      case "old-sparse":
        return this.#oldSparse(block, false);
      case "sparse-map":
        return this.#sparseMap(block);
      default:
        return this.#newHeader(block);
    }
  }

  #newHeader(block: Uint8Array): void {
    const header = parseHeader(block);
    if (header === undefined) {
      if (++this.#zeroBlocks === 2) this.#phase = "end";
      return;
    }
    if (this.#zeroBlocks > 0) throw malformed("an entry follows the mark of the end");
    if (++this.#entries > limits.layerEntriesMax) throw malformed(`it has more than ${limits.layerEntriesMax} entries`);
    if (header.size < 0) throw malformed("an entry has a negative size");
    this.#header = header;
    if ("xgLK".includes(header.type)) return this.#beginLong(header);
    if (header.type === "S") return this.#beginOldSparse(block);
    this.#begin(header);
  }

  #beginLong(header: Header): void {
    if (header.size > limits.paxHeaderBytesMax) throw malformed("an extended header is too large");
    if (header.size === 0) return this.#reset();
    this.#phase = "long";
    this.#want(roundUp(header.size));
  }

  #longHeader(padded: Uint8Array): void {
    const { type, size } = this.#header!;
    const bytes = padded.subarray(0, size);
    if (type === "x") this.#pax = parsePax(bytes);
    else if (type === "L") this.#longName = untilNul(bytes);
    else if (type === "K") this.#longLink = untilNul(bytes);
    this.#reset();
  }

  #reset(): void {
    this.#phase = "header";
    this.#header = undefined;
    this.#want(blockBytes);
  }

  #beginOldSparse(block: Uint8Array): void {
    this.#realSize = oldSparseSize(block);
    this.#numbers = [];
    this.#oldSparse(block, true);
  }

  #oldSparse(block: Uint8Array, isFirst: boolean): void {
    const { regions, more } = oldSparseRegions(block, isFirst);
    for (const region of regions) this.#numbers.push(region.offset, region.length);
    if (this.#numbers.length > sparseNumbersMax) throw malformed("a sparse map is too large");
    this.#phase = "old-sparse";
    if (!more) this.#emit(this.#header!, this.#header!.size, sparseRegions(this.#numbers, this.#realSize));
  }

  #begin(header: Header): void {
    const sparse = this.#pax.sparse;
    const size = kinds[header.type] === "file" ? (this.#pax.size ?? header.size) : 0;
    this.#realSize = size;
    if (sparse === undefined || kinds[header.type] !== "file") return this.#emit(header, size, undefined);
    this.#realSize = sparse.size ?? size;
    if (sparse.major === 1) {
      if (size < blockBytes) throw malformed("a sparse map is missing");
      this.#left = size;
      this.#mapText = "";
      this.#mapBytes = 0;
      this.#phase = "sparse-map";
      return;
    }
    this.#emit(header, size, sparse.numbers && sparseRegions(sparse.numbers, this.#realSize));
  }

  /** The map of format 1.0: decimal lines, first the count of regions, padded to whole blocks. */
  #sparseMap(block: Uint8Array): void {
    this.#mapText += toByteText(block);
    this.#mapBytes += blockBytes;
    if (this.#mapBytes > limits.paxHeaderBytesMax || this.#mapBytes > this.#left) {
      throw malformed("a sparse map is too large");
    }
    const count = /^(\d{1,8})\n/.exec(this.#mapText);
    if (count === null) throw malformed("a sparse map has no count");
    const lines = this.#mapText.split("\n", Number(count[1]) * 2 + 2);
    if (lines.length < Number(count[1]) * 2 + 2) return;
    const numbers = lines.slice(1, -1).map(line => (/^\d{1,16}$/.test(line) ? Number(line) : NaN));
    if (!numbers.every(Number.isSafeInteger)) throw malformed("a sparse map holds something that is no number");
    this.#emit(this.#header!, this.#left - this.#mapBytes, sparseRegions(numbers, this.#realSize));
  }

  #emit(header: Header, dataSize: number, regions: SparseRegion[] | undefined): void {
    if (regions !== undefined && regions.reduce((sum, region) => sum + region.length, 0) !== dataSize) {
      throw malformed("a sparse map does not match the data");
    }
    const entry = this.#entryOf(header, regions);
    this.#regions = regions;
    this.#pax = {};
    this.#longName = this.#longLink = undefined;
    this.#left = dataSize;
    this.#padding = roundUp(dataSize) - dataSize;
    this.#offset = this.#region = this.#inRegion = 0;
    this.#handler.entry(entry);
    this.#phase = "data";
    if (dataSize === 0) this.#finish();
  }

  #entryOf(header: Header, regions: SparseRegion[] | undefined): TarEntry {
    const pax = this.#pax;
    const name = pax.sparse?.name ?? pax.path ?? this.#longName ?? header.name;
    const linkName = pax.linkpath ?? this.#longLink ?? header.linkName;
    if (name.length > limits.tarNameBytesMax || linkName.length > limits.tarNameBytesMax) {
      throw malformed(`a name has more than ${limits.tarNameBytesMax} bytes`);
    }
    const kind = kinds[header.type];
    if (kind === undefined) throw malformed(`an entry has the unknown type ${JSON.stringify(header.type)}`);
    return {
      name,
      kind: kind === "file" && name.endsWith("/") ? "directory" : kind,
      mode: header.mode,
      uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid,
      size: this.#realSize,
      mtime: pax.mtime ?? { sec: header.mtime, nsec: 0 },
      linkName,
      device: { major: header.major, minor: header.minor },
      xattrs: pax.xattrs,
      regions,
    };
  }

  #takeData(chunk: Uint8Array, at: number): number {
    let size = Math.min(this.#left, chunk.length - at);
    if (this.#regions !== undefined) size = Math.min(size, this.#regions[this.#region]!.length - this.#inRegion);
    const offset = this.#regions === undefined ? this.#offset : this.#regions[this.#region]!.offset + this.#inRegion;
    this.#handler.data(chunk.subarray(at, at + size), offset, this.#before + at);
    this.#offset += size;
    this.#inRegion += size;
    this.#left -= size;
    if (this.#regions !== undefined && this.#inRegion === this.#regions[this.#region]!.length) {
      this.#region++;
      this.#inRegion = 0;
    }
    if (this.#left === 0) this.#finish();
    return size;
  }

  #finish(): void {
    this.#handler.done();
    this.#reset();
    if (this.#padding > 0) this.#phase = "padding";
  }

  #skip(available: number): number {
    const size = Math.min(this.#padding, available);
    this.#padding -= size;
    if (this.#padding === 0) this.#phase = "header";
    return size;
  }
}

const sparseNumbersMax = 200_000;
const roundUp = (size: number): number => Math.ceil(size / blockBytes) * blockBytes;

function untilNul(bytes: Uint8Array): ByteText {
  const end = bytes.indexOf(0);
  return toByteText(end < 0 ? bytes : bytes.subarray(0, end));
}
