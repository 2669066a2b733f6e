// Reading and writing DER, as much of it as certificates and CMS messages need.
// Source: ITU-T X.690.

import { Fault } from "../../base/fault.ts";

export interface DerValue {
  /** Identifier octet: class, constructed bit and tag. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** Header and content as they stand. */
  readonly whole: Uint8Array;
}

export const derTags = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, nothing: 0x05, oid: 0x06, utf8: 0x0c, sequence: 0x30, set: 0x31,
} as const;

const broken = (reason: string): Fault => new Fault("input.malformed", `cannot read DER: ${reason}`);

/** The value at the start of `bytes`; what follows it is left. @throws Fault "input.malformed" */
export function readDer(bytes: Uint8Array): { readonly value: DerValue; readonly rest: Uint8Array } {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw broken("it ends early");
  if ((tag & 0x1f) === 0x1f) throw broken("a long tag");
  const lengthBytes = first & 0x80 ? first & 0x7f : 0;
  if (first === 0x80 || lengthBytes > 4) throw broken("a length without end");
  let length = first & 0x80 ? 0 : first;
  for (let at = 0; at < lengthBytes; at++) length = length * 256 + (bytes[2 + at] ?? 0);
  const start = 2 + lengthBytes;
  if (start + length > bytes.length) throw broken("it ends early");
  const end = start + length;
  return { value: { tag, content: bytes.subarray(start, end), whole: bytes.subarray(0, end) }, rest: bytes.subarray(end) };
}

/** A single value with nothing after it. */
export function readOneDer(bytes: Uint8Array, tag?: number): DerValue {
  const { value, rest } = readDer(bytes);
  if (rest.length > 0) throw broken("trailing data");
  return tag === undefined ? value : expect(value, tag);
}

/** The values inside a constructed one. */
export function derItems(content: Uint8Array, countMax = 1000): DerValue[] {
  const items: DerValue[] = [];
  for (let rest = content; rest.length > 0;) {
    if (items.length === countMax) throw broken(`more than ${countMax} values`);
    const read = readDer(rest);
    items.push(read.value);
    rest = read.rest;
  }
  return items;
}

export function expect(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag === tag) return value;
  throw broken(`a value of type 0x${tag.toString(16)} is missing`);
}

/** Dotted, such as "2.5.29.17". */
export function oidText({ content }: DerValue): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (number > Number.MAX_SAFE_INTEGER / 128) throw broken("an object identifier is too long");
    if (byte & 0x80) continue;
    if (numbers.length > 0) numbers.push(number);
    else numbers.push(Math.min(Math.floor(number / 40), 2), number - 40 * Math.min(Math.floor(number / 40), 2));
    number = 0;
  }
  return numbers.join(".");
}

export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : length < 0x10000
    ? [0x82, length >> 8, length & 0xff]
    : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.from([tag, ...header]), content]);
}

export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const number of [first * 40 + second, ...rest]) {
    const group: number[] = [number & 0x7f];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) group.unshift((left & 0x7f) | 0x80);
    bytes.push(...group);
  }
  return der(derTags.oid, Uint8Array.from(bytes));
}

export function derInteger(value: number): Uint8Array {
  return der(derTags.integer, Uint8Array.from([value]));
}
