// The records of a pax extended header: "LENGTH KEY=VALUE\n", values being bytes.
// Source: POSIX.1-2017 pax, "pax Extended Header"; GNU tar manual, "Storing Sparse Files".

import { type ByteText, malformed, type SparseRegion, toByteText } from "./entry.ts";

export interface PaxRecords {
  path?: ByteText;
  linkpath?: ByteText;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: { sec: number; nsec: number };
  xattrs?: Map<string, Uint8Array>;
  sparse?: PaxSparse;
}

export interface PaxSparse {
  major?: number;
  minor?: number;
  name?: ByteText;
  /** GNU.sparse.size (0.x) or GNU.sparse.realsize (1.0). */
  size?: number;
  /** 0.0 repeats offset and numbytes, 0.1 has one map; 1.0 keeps it in the data. */
  numbers?: number[];
}

const xattrPrefix = "SCHILY.xattr.";
const sparsePrefix = "GNU.sparse.";

export function parsePax(bytes: Uint8Array): PaxRecords {
  const records: PaxRecords = {};
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] === 0) break;
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 || space - at > 9 ? NaN : Number(toByteText(bytes.subarray(at, space)));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (!(length > 0) || end > bytes.length || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) {
      throw malformed("a pax record is broken");
    }
    take(records, toByteText(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1));
    at = end;
  }
  return records;
}

function take(records: PaxRecords, key: string, value: Uint8Array): void {
  if (key.startsWith(xattrPrefix)) return void (records.xattrs ??= new Map()).set(key.slice(xattrPrefix.length), value);
  if (key.startsWith(sparsePrefix)) return takeSparse((records.sparse ??= {}), key.slice(sparsePrefix.length), value);
  switch (key) {
    case "path":
    case "linkpath":
      if (value.includes(0)) throw malformed(`the pax record ${key} holds a NUL byte`);
      if (value.length > 0) records[key] = toByteText(value);
      break;
    case "size":
    case "uid":
    case "gid":
      if (value.length > 0) records[key] = whole(value, key);
      break;
    case "mtime":
      if (value.length > 0) records.mtime = time(toByteText(value));
  }
}

function takeSparse(sparse: PaxSparse, key: string, value: Uint8Array): void {
  switch (key) {
    case "major":
    case "minor":
      sparse[key] = whole(value, key);
      break;
    case "name":
      if (value.length > 0) sparse.name = toByteText(value);
      break;
    case "size":
    case "realsize":
      sparse.size = whole(value, key);
      break;
    case "offset":
    case "numbytes":
      (sparse.numbers ??= []).push(whole(value, key));
      break;
    case "map":
      sparse.numbers = value.length === 0 ? [] : toByteText(value).split(",").map(text => digits(text, key));
  }
}

const whole = (value: Uint8Array, key: string): number => digits(toByteText(value), key);

function digits(text: string, key: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw malformed(`the pax record ${key} is not a number`);
  return value;
}

/** "-1.5" is half a second after second -2: nanoseconds count upwards. */
function time(text: string): { sec: number; nsec: number } {
  const parts = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (parts === null) throw malformed("the pax record mtime is not a time");
  const nsec = Number((parts[3] ?? "").slice(0, 9).padEnd(9, "0"));
  const sec = Number(parts[2]);
  if (parts[1] === "") return { sec, nsec };
  return nsec === 0 ? { sec: 0 - sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

/** Pairs of numbers to regions: ascending, without overlap, inside the file. */
export function sparseRegions(numbers: readonly number[], size: number): SparseRegion[] {
  if (numbers.length % 2 !== 0) throw malformed("a sparse map has an odd count of numbers");
  const regions: SparseRegion[] = [];
  let end = 0;
  for (let at = 0; at < numbers.length; at += 2) {
    const region = { offset: numbers[at]!, length: numbers[at + 1]! };
    if (region.offset < end || region.offset + region.length > size) throw malformed("a sparse map is out of order");
    end = region.offset + region.length;
    if (region.length > 0) regions.push(region);
  }
  return regions;
}
