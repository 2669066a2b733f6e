// CRIU's image files: a magic number, then entries of protobuf, each with its length in front.
// Source: criu's "Images" document and its .proto files; protobuf's encoding.

import { readFileSync, statSync } from "node:fs";
import { Fault } from "../base/fault.ts";

/** One message: its values by field number; numbers as they are, anything longer as bytes. */
export type Message = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

const imageBytesMax = 64 * 1024 * 1024;
const entriesMax = 1_000_000;
const fieldsMax = 1_000_000;

export const malformedImage = (name: string, reason: string): Fault =>
  new Fault("input.malformed", `cannot read the checkpoint: ${name} ${reason}`, { hint: "make the checkpoint again: this one is damaged" });

class Bytes {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("it ends in a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number in it is too long");
  }
  take(count: number): Uint8Array {
    if (count < 0 || this.#at + count > this.#bytes.length) throw new RangeError("it is cut off");
    return this.#bytes.subarray(this.#at, (this.#at += count));
  }
}

function decode(bytes: Uint8Array): Message {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  const reader = new Bytes(bytes);
  for (let count = 0; !reader.isOver; count++) {
    if (count > fieldsMax) throw new RangeError("it has too many fields");
    const tag = Number(reader.varint());
    const kind = tag & 7;
    const value = kind === 0 ? reader.varint() : kind === 1 ? littleEndian(reader.take(8)) : kind === 5 ? littleEndian(reader.take(4)) :
      kind === 2 ? reader.take(Number(reader.varint())) : undefined;
    if (value === undefined) throw new RangeError("it holds a field of an unknown kind");
    const field = tag >>> 3;
    const before = fields.get(field);
    if (before) before.push(value);
    else fields.set(field, [value]);
  }
  return fields;
}

const littleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);

/** A message inside another one. */
export const inside = (message: Message, field: number): Message | undefined => {
  const bytes = message.get(field)?.[0];
  return bytes instanceof Uint8Array ? decode(bytes) : undefined;
};

export const number = (message: Message | undefined, field: number): number => {
  const value = message?.get(field)?.[0];
  return typeof value === "bigint" ? Number(value) : 0;
};

export const text = (message: Message | undefined, field: number): string => {
  const value = message?.get(field)?.[0];
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
};

const commonMagic = 0x54564319;
const serviceMagic = 0x55105940;

/** @param name for messages. @throws Fault "input.malformed" */
export function decodeImage(bytes: Uint8Array, name: string): Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw malformedImage(name, "is cut off");
  const first = view.getUint32(0, true);
  const start = first === commonMagic || first === serviceMagic ? 8 : 4;
  try {
    const entries: Message[] = [];
    for (let at = start; at < bytes.length; ) {
      if (entries.length >= entriesMax) throw new RangeError("has too many entries");
      if (at + 4 > bytes.length) throw new RangeError("is cut off");
      const size = view.getUint32(at, true);
      if (at + 4 + size > bytes.length) throw new RangeError("is cut off");
      entries.push(decode(bytes.subarray(at + 4, at + 4 + size)));
      at += 4 + size;
    }
    return entries;
  } catch (thrown) {
    if (thrown instanceof RangeError) throw malformedImage(name, `cannot be read: ${thrown.message}`);
    throw thrown;
  }
}

export function readImage(path: string): Message[] {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw malformedImage(name, "is missing");
  if (size > imageBytesMax) throw malformedImage(name, "is too large");
  return decodeImage(readFileSync(path), name);
}

/** podman's names; microseconds and pages. */
export interface CriuStatistics {
  freezing_time?: number;
  frozen_time?: number;
  memdump_time?: number;
  memwrite_time?: number;
  pages_scanned?: number;
  pages_written?: number;
  pages_compared?: number;
  pages_skipped_cow?: number;
  forking_time?: number;
  restore_time?: number;
  pages_restored?: number;
}

const dumpFields = { freezing_time: 1, frozen_time: 2, memdump_time: 3, memwrite_time: 4, pages_scanned: 5, pages_written: 7 } as const;
const restoreFields = { pages_compared: 1, pages_skipped_cow: 2, forking_time: 3, restore_time: 4, pages_restored: 5 } as const;

/** What criu counted: of stats-dump or stats-restore; undefined where it wrote none. */
export function readStatistics(path: string, kind: "dump" | "restore"): CriuStatistics | undefined {
  if (!statSync(path, { throwIfNoEntry: false })) return undefined;
  const [entry] = readImage(path);
  const message = entry && inside(entry, kind === "dump" ? 1 : 2);
  if (!message) return undefined;
  const fields = Object.entries(kind === "dump" ? dumpFields : restoreFields);
  return Object.fromEntries(fields.map(([name, field]) => [name, number(message, field)]).filter(([, value]) => value !== 0));
}
