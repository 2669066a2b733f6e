// One 512-byte header block, in the ustar, pax, GNU, star and v7 dialects.
// Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

import { type ByteText, malformed, type SparseRegion } from "./entry.ts";

export const blockBytes = 512;

export interface Header {
  readonly name: ByteText;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the data that follows. */
  readonly size: number;
  readonly mtime: number;
  /** The type flag as a character; "0" for the old NUL. */
  readonly type: string;
  readonly linkName: ByteText;
  readonly major: number;
  readonly minor: number;
}

/** Undefined for a block of zeros. */
export function parseHeader(block: Uint8Array): Header | undefined {
  if (!checkSum(block)) return undefined;
  const typeByte = block[156]!;
  const name = text(block, 0, 100);
  const prefix = prefixOf(block);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    type: typeByte === 0 ? "0" : String.fromCharCode(typeByte),
    linkName: text(block, 157, 100),
    major: isDevice(typeByte) ? number(block, 329, 8) : 0,
    minor: isDevice(typeByte) ? number(block, 337, 8) : 0,
  };
}

const isDevice = (type: number): boolean => type === 0x33 || type === 0x34;

/** True when it holds; false for a block of zeros. Some old writers summed signed bytes. */
function checkSum(block: Uint8Array): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < blockBytes; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : block[at]!;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (unsigned === 256 && block.subarray(148, 156).every(byte => byte === 0)) return false;
  const written = number(block, 148, 8);
  if (written !== unsigned && written !== signed) throw malformed("a header's checksum does not match");
  return true;
}

function prefixOf(block: Uint8Array): ByteText {
  const magic = Buffer.from(block.buffer, block.byteOffset, blockBytes);
  if (magic.toString("latin1", 257, 263) !== "ustar\0") return "";
  return text(block, 345, magic.toString("latin1", 508, 512) === "tar\0" ? 131 : 155);
}

export function text(block: Uint8Array, start: number, length: number): ByteText {
  const found = block.indexOf(0, start);
  const end = found < 0 || found > start + length ? start + length : found;
  return Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString("latin1", start, end);
}

/** Octal digits among spaces and NULs, or GNU's base-256 in two's complement. */
export function number(block: Uint8Array, start: number, length: number): number {
  if (block[start]! & 0x80) return binary(block, start, length);
  let value = 0;
  let at = start;
  const end = start + length;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  for (; at < end; at++) {
    const digit = block[at]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (at < end && block[at] !== 0 && block[at] !== 0x20) throw malformed("a number in a header is not octal");
  return value;
}

function binary(block: Uint8Array, start: number, length: number): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = BigInt(block[start]! & 0x3f) - (negative ? 0x40n : 0n);
  for (let at = start + 1; at < start + length; at++) value = value * 256n + BigInt(block[at]!);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw malformed("a number in a header is too large");
  return result;
}

/** The regions in an old GNU sparse header or one of its extension blocks, and whether another block follows. */
export function oldSparseRegions(block: Uint8Array, isFirst: boolean): { regions: SparseRegion[]; more: boolean } {
  const [start, count, flagAt] = isFirst ? [386, 4, 482] : [0, 21, 504];
  const regions: SparseRegion[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + index * 24;
    if (block[at] === 0) break;
    regions.push({ offset: number(block, at, 12), length: number(block, at + 12, 12) });
  }
  return { regions, more: block[flagAt] !== 0 };
}

export const oldSparseSize = (block: Uint8Array): number => number(block, 483, 12);
