// Memory for the arguments of one system call: it never moves, so pointers into it may lie inside structures.

import { Fault } from "../base/fault.ts";
import { callFault, showPath } from "./errno.ts";
import { mapMemory, type Path } from "./syscall.ts";

/** Where a call's structures live; offsets count from its start, addresses are what the kernel takes. */
export interface Arena {
  readonly base: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const arenaBytes = 1024 * 1024;
const encoder = new TextEncoder();
let arena: Arena | undefined;
let used = 0;

/** Runs `use` and then frees all it has taken; may be nested, must not be left by an await. */
export function scoped<T>(use: (arena: Arena) => T): T {
  const memory = (arena ??= mapArena());
  const mark = used;
  try {
    return use(memory);
  } finally {
    used = mark;
  }
}

/** Takes `size` zeroed bytes, aligned to 8; returns their offset. Only inside `scoped`. */
export function take(size: number): number {
  const offset = reserve(size);
  arena!.bytes.fill(0, offset, offset + size);
  return offset;
}

/** Takes `size` bytes and leaves in them what was there: for buffers that the kernel fills. */
export function takeDirty(size: number): number {
  return reserve(size);
}

/** Puts a string ended by NUL into the arena and returns its address. */
export function putPath(path: Path): number {
  if (typeof path === "string") return putText(path);
  if (path.includes(0)) throw nulInside(path);
  const offset = reserve(path.length + 1);
  arena!.bytes.set(path, offset);
  arena!.bytes[offset + path.length] = 0;
  return arena!.base + offset;
}

/** Puts bytes into the arena and returns their address. */
export function putBytes(bytes: Uint8Array): number {
  const offset = reserve(bytes.length);
  arena!.bytes.set(bytes, offset);
  return arena!.base + offset;
}

function putText(text: string): number {
  if (text.includes("\0")) throw nulInside(text);
  const offset = reserve(text.length * 3 + 1);
  const { written } = encoder.encodeInto(text, arena!.bytes.subarray(offset));
  arena!.bytes[offset + written] = 0;
  used = align(offset + written + 1);
  return arena!.base + offset;
}

function reserve(size: number): number {
  const offset = used;
  if (!(size >= 0) || offset + size > arenaBytes) throw callFault(7, "pass arguments to the system");
  used = align(offset + size);
  return offset;
}

const align = (offset: number): number => (offset + 7) & ~7;

function nulInside(path: Path): Fault {
  return new Fault("input.malformed", `cannot use the path "${showPath(path)}": it holds a NUL byte`);
}

function mapArena(): Arena {
  const { base, bytes } = mapMemory(arenaBytes);
  return { base, bytes, view: new DataView(bytes.buffer) };
}
