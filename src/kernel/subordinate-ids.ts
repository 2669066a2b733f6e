// The ranges of IDs a user may map into a namespace of his own, and his name.
// Source: subuid(5), subgid(5), getpwuid(3).

import { CString, dlopen, read, type Pointer } from "bun:ffi";
import * as fs from "node:fs";
import type { IdKind, IdRange } from "../base/id-mapping.ts";

const fileBytesMax = 16 * 1024 * 1024;
const idsMax = 2 ** 32 - 1;
/** The kernel takes 340 lines in a map; one is the user's own. */
const rangesMax = 339;

/** All ranges that a file gives to the user, who may be named in it by name or by number. */
export function readRanges(text: string, user: { readonly name: string | undefined; readonly id: number }): IdRange[] {
  const ranges: IdRange[] = [];
  for (const line of text.split("\n")) {
    const [owner, start, count] = line.trim().split(":");
    if (owner === undefined || (owner !== user.name && owner !== String(user.id)) || count === undefined) continue;
    const range = { start: idOf(start), count: idOf(count) };
    if (!(range.count > 0) || !(range.start + range.count <= idsMax)) continue;
    if (ranges.some(known => overlap(known, range)) || overlap({ start: user.id, count: 1 }, range)) continue;
    ranges.push(range);
    if (ranges.length === rangesMax) break;
  }
  return ranges;
}

const idOf = (text: string | undefined): number => (/^\d{1,10}$/.test(text ?? "") ? Number(text) : Number.NaN);
const overlap = (one: IdRange, two: IdRange): boolean => one.start < two.start + two.count && two.start < one.start + one.count;

export const rangesFile = (kind: IdKind): string => `/etc/sub${kind}`;

export function subordinateRanges(kind: IdKind, user: { readonly name: string | undefined; readonly id: number }): IdRange[] {
  return readRanges(textOf(rangesFile(kind)), user);
}

/** The line that would give a user the first 65536 IDs that no one has yet. */
export function lineToAdd(kind: IdKind, user: string): string {
  let next = 100_000;
  for (const line of textOf(rangesFile(kind)).split("\n")) {
    const [, start, count] = line.trim().split(":");
    const end = idOf(start) + idOf(count);
    if (end > next && end < idsMax - 65536) next = end;
  }
  return `${user}:${next}:65536`;
}

function textOf(file: string): string {
  try {
    const { size } = fs.statSync(file);
    return size > fileBytesMax ? "" : fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** As the system's own databases have it, also those that are not files; undefined for a number without a name. */
export function userName(uid: number): string | undefined {
  const libc = dlopen("libc.so.6", { getpwuid: { args: ["u32"], returns: "ptr" } });
  try {
    const entry = libc.symbols.getpwuid(uid);
    if (entry === null) return undefined;
    const name = read.ptr(entry, 0) as Pointer;
    return name ? new CString(name).toString() : undefined;
  } finally {
    libc.close();
  }
}
