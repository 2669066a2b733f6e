// A tar stream taken apart without losing a byte: what frames each entry, raw, and the entry's own data.
// Source: POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format"; tar-split's division of a stream into segments and files.

import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { blockBytes, parseHeader } from "../../storage/tar/header.ts";
import type { Header } from "../../storage/tar/header.ts";
import { malformed, toByteText } from "../../storage/tar/entry.ts";

export interface PieceEntry {
  readonly type: "reg" | "hardlink" | "symlink" | "char" | "block" | "dir" | "fifo";
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the data that follows. */
  readonly size: number;
  readonly mtime: string;
  readonly atime?: string;
  readonly ctime?: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly devMajor: number;
  readonly devMinor: number;
}

export interface PieceHandler {
  /** Padding of the entry before, extended headers and the header of this one. */
  entry(raw: Uint8Array, entry: PieceEntry): void;
  /** Valid only during the call. */
  data(bytes: Uint8Array): void;
  done(): void;
}

const types: Readonly<Record<string, PieceEntry["type"]>> = {
  "0": "reg", "7": "reg", "1": "hardlink", "2": "symlink", "3": "char", "4": "block", "5": "dir", "6": "fifo",
};

type Records = Record<string, string>;

export class TarPieces {
  readonly #handler: PieceHandler;
  /** Raw bytes since the last entry's data. */
  #raw: Uint8Array[] = [];
  #rawBytes = 0;
  #block = new Uint8Array(blockBytes);
  #filled = 0;
  #phase: "header" | "long" | "data" | "padding" | "end" = "header";
  #left = 0;
  #padding = 0;
  #long: { readonly type: string; readonly size: number; bytes: Uint8Array[] } | undefined;
  #records: Records = {};

  constructor(handler: PieceHandler) {
    this.#handler = handler;
  }

  /** @throws Fault "layer.malformed"; "image.unsupported" for sparse entries and global headers, which the format cannot hold */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const rest = chunk.subarray(at);
      if (this.#phase === "data") at += this.#data(rest);
      else if (this.#phase === "padding" || this.#phase === "long") at += this.#skip(rest);
      else if (this.#phase === "end") at += this.#keep(rest);
      else at += this.#header(rest);
    }
  }

  /** What is left: the mark of the end and all after it. */
  end(): Uint8Array {
    if (this.#phase === "data" || this.#phase === "long") throw malformed("it ends in the middle of an entry");
    if (this.#filled > 0) this.#keep(this.#block.slice(0, this.#filled));
    return this.#takeRaw();
  }

  #keep(bytes: Uint8Array): number {
    this.#rawBytes += bytes.length;
    if (this.#phase !== "end" && this.#rawBytes > 4 * limits.paxHeaderBytesMax) throw malformed("extended headers without an end");
    this.#raw.push(bytes.slice());
    return bytes.length;
  }

  #takeRaw(): Uint8Array {
    const raw = this.#raw.length === 1 ? this.#raw[0]! : Buffer.concat(this.#raw);
    this.#raw = [];
    this.#rawBytes = 0;
    return raw;
  }

  #data(rest: Uint8Array): number {
    const size = Math.min(this.#left, rest.length);
    this.#handler.data(rest.subarray(0, size));
    this.#left -= size;
    if (this.#left === 0) this.#finish();
    return size;
  }

  #finish(): void {
    this.#handler.done();
    this.#phase = this.#padding > 0 ? "padding" : "header";
    this.#left = this.#padding;
  }

  #skip(rest: Uint8Array): number {
    const size = Math.min(this.#left, rest.length);
    this.#keep(rest.subarray(0, size));
    if (this.#phase === "long") this.#long!.bytes.push(rest.slice(0, size));
    this.#left -= size;
    if (this.#left > 0) return size;
    if (this.#phase === "long") this.#endLong();
    this.#phase = "header";
    return size;
  }

  #header(rest: Uint8Array): number {
    const size = Math.min(blockBytes - this.#filled, rest.length);
    this.#block.set(rest.subarray(0, size), this.#filled);
    this.#filled += size;
    if (this.#filled < blockBytes) return size;
    this.#filled = 0;
    this.#keep(this.#block);
    const header = parseHeader(this.#block);
    if (header === undefined) this.#phase = "end";
    else this.#begin(header);
    return size;
  }

  #begin(header: Header): void {
    if (header.size < 0) throw malformed("an entry has a negative size");
    if ("xLK".includes(header.type)) {
      if (header.size > limits.paxHeaderBytesMax) throw malformed("an extended header is too large");
      this.#long = { type: header.type, size: header.size, bytes: [] };
      this.#left = roundUp(header.size);
      this.#phase = this.#left === 0 ? "header" : "long";
      return;
    }
    const type = types[header.type];
    if (type === undefined || Object.keys(this.#records).some(key => key.startsWith("GNU.sparse."))) {
      throw new Fault("image.unsupported", `cannot write a table of contents: the layer has an entry of type ${JSON.stringify(header.type)}`);
    }
    const entry = this.#entryOf(header, type);
    this.#records = {};
    this.#left = entry.type === "reg" ? entry.size : 0;
    this.#padding = roundUp(this.#left) - this.#left;
    this.#handler.entry(this.#takeRaw(), entry);
    this.#phase = "data";
    if (this.#left === 0) this.#finish();
  }

  #endLong(): void {
    const { type, size, bytes } = this.#long!;
    const content = Buffer.concat(bytes).subarray(0, size);
    if (type === "x") this.#records = { ...this.#records, ...paxRecords(content) };
    else this.#records[type === "L" ? "path" : "linkpath"] = toByteText(content).replace(/\0.*$/s, "");
  }

  #entryOf(header: Header, type: PieceEntry["type"]): PieceEntry {
    const records = this.#records;
    const block = Buffer.from(this.#block.buffer, this.#block.byteOffset, blockBytes);
    const name = utf8(records["path"] || header.name);
    const isGnu = block.toString("latin1", 257, 265) === "ustar  \0";
    const times = {
      atime: timeOf(records["atime"], isGnu ? octal(block, 345) : undefined),
      ctime: timeOf(records["ctime"], isGnu ? octal(block, 357) : undefined),
    };
    return {
      type: type === "reg" && name.endsWith("/") ? "dir" : type,
      name,
      linkName: utf8(records["linkpath"] || header.linkName),
      mode: octal(block, 100, 8) ?? 0,
      uid: Number(records["uid"] ?? header.uid),
      gid: Number(records["gid"] ?? header.gid),
      size: Number(records["size"] ?? header.size),
      mtime: timeOf(records["mtime"], header.mtime)!,
      ...(times.atime === undefined ? {} : { atime: times.atime }),
      ...(times.ctime === undefined ? {} : { ctime: times.ctime }),
      xattrs: xattrsOf(records),
      devMajor: header.major,
      devMinor: header.minor,
    };
  }
}

const roundUp = (size: number): number => Math.ceil(size / blockBytes) * blockBytes;
const utf8 = (text: string): string => Buffer.from(text, "latin1").toString("utf8");

function octal(block: Buffer, at: number, length = 12): number | undefined {
  const text = block.toString("latin1", at, at + length).replace(/[\0 ]+$/, "").trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** RFC 3339 with as many digits of the second as there are. */
function timeOf(pax: string | undefined, seconds: number | undefined): string | undefined {
  const parts = /^(-?\d{1,12})(?:\.(\d*))?$/.exec(pax ?? "");
  const whole = parts ? Number(parts[1]) : seconds;
  if (whole === undefined) return undefined;
  const fraction = (parts?.[2] ?? "").slice(0, 9).replace(/0+$/, "");
  return `${new Date(whole * 1000).toISOString().slice(0, -5)}${fraction === "" ? "" : `.${fraction}`}Z`;
}

function xattrsOf(records: Records): Record<string, string> {
  const prefix = "SCHILY.xattr.";
  const found = Object.entries(records).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), Buffer.from(value, "latin1").toString("base64")]));
}

/** "LENGTH KEY=VALUE\n", values as byte text. */
function paxRecords(bytes: Uint8Array): Records {
  const records: Records = {};
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? NaN : Number(toByteText(bytes.subarray(at, space)));
    const equals = bytes.indexOf(0x3d, space);
    if (!(length > 0) || at + length > bytes.length || equals < 0 || equals >= at + length) throw malformed("a pax record is broken");
    records[toByteText(bytes.subarray(space + 1, equals))] = toByteText(bytes.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}
