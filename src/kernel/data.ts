// The bytes behind open handles: reading, writing, copying in the kernel, making them last.
// Source: read(2), write(2), copy_file_range(2), fallocate(2), syncfs(2), sync_file_range(2), memfd_create(2), pipe2(2).

import { Fault } from "../base/fault.ts";
import { putPath, scoped, take, takeDirty } from "./arena.ts";
import { address, call, check } from "./syscall.ts";

const cloexec = 0o2000000;
const eintr = 4;
const eagain = 11;

/** Writes all of `bytes`, at `position` where given; waits where the handle does not block. */
export function writeAll(fd: number, bytes: Uint8Array, position?: number): void {
  let done = 0;
  while (done < bytes.byteLength) {
    const from = address(bytes) + done;
    const left = bytes.byteLength - done;
    const result =
      position === undefined
        ? call("write", fd, from, left)
        : call("pwrite64", fd, from, left, position + done);
    if (result === -eagain) waitFor(fd, 4);
    else if (result !== -eintr) done += check(result, "write");
  }
}

/** Reads once into `bytes`, from `position` where given; returns how much came, 0 at the end. */
export function readInto(fd: number, bytes: Uint8Array, position?: number): number {
  return readTo(fd, { at: () => address(bytes), size: bytes.byteLength, position });
}

/** `at` is asked before each try, as what is small moves. */
function readTo(fd: number, { at, size, position }: { at: () => number; size: number; position?: number | undefined }): number {
  for (;;) {
    const result = position === undefined ? call("read", fd, at(), size) : call("pread64", fd, at(), size, position);
    if (result === -eagain) waitFor(fd, 1);
    else if (result !== -eintr) return check(result, "read");
  }
}

const beginningBytes = 64 * 1024;

/** As far as one piece of memory goes that is there already: most files end before, and a buffer for each would be the most of the work. */
function readBeginning(fd: number, bytesMax: number): Uint8Array {
  return scoped(({ base, bytes }) => {
    const start = takeDirty(beginningBytes);
    let used = 0;
    for (let got = -1; got !== 0 && used < beginningBytes; used += got) {
      got = readTo(fd, { at: () => base + start + used, size: beginningBytes - used });
    }
    if (used > bytesMax) throw tooLarge(bytesMax);
    return bytes.slice(start, start + used);
  });
}

const tooLarge = (bytesMax: number): Fault => new Fault("input.too-large", `cannot read a file: it has more than ${bytesMax} bytes`);

/** Reads to the end; a fault "input.too-large" beyond `bytesMax`. */
export function readAll(fd: number, bytesMax: number): Uint8Array {
  const begun = readBeginning(fd, bytesMax);
  if (begun.length < beginningBytes) return begun;
  let buffer = new Uint8Array(Math.min(2 * beginningBytes, bytesMax + 1));
  buffer.set(begun);
  let used = begun.length;
  for (;;) {
    const got = readInto(fd, buffer.subarray(used));
    if (got === 0) return buffer.slice(0, used);
    used += got;
    if (used > bytesMax) throw tooLarge(bytesMax);
    if (used === buffer.length) {
      const wider = new Uint8Array(Math.min(buffer.length * 2, bytesMax + 1));
      wider.set(buffer);
      buffer = wider;
    }
  }
}

function waitFor(fd: number, events: number): void {
  scoped(({ base, view }) => {
    const at = take(8);
    view.setInt32(at, fd, true);
    view.setInt16(at + 4, events, true);
    call("ppoll", base + at, 1);
  });
}

export interface Copying {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  /** The handles' own positions are used where these are left out. */
  readonly fromPosition?: number;
  readonly toPosition?: number;
}

/** Copies inside the kernel, sharing extents where the file system can; returns how much, 0 at the end of `from`. */
export function copyFileRange(copying: Copying): number {
  return check(tryCopyFileRange(copying), "copy file data");
}

/** The same; a negative error number where it does not work, such as between file systems of two kinds. */
export function tryCopyFileRange(copying: Copying): number {
  return scoped(({ base, view }) => {
    const at = take(16);
    const { fromPosition, toPosition } = copying;
    if (fromPosition !== undefined) view.setBigInt64(at, BigInt(fromPosition), true);
    if (toPosition !== undefined) view.setBigInt64(at + 8, BigInt(toPosition), true);
    const fromAt = fromPosition === undefined ? 0 : base + at;
    const toAt = toPosition === undefined ? 0 : base + at + 8;
    return call("copy_file_range", copying.from, fromAt, copying.to, toAt, copying.bytes);
  });
}

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;

export function fallocate(fd: number, range: { readonly offset: number; readonly bytes: number }, mode = 0): void {
  check(call("fallocate", fd, mode, range.offset, range.bytes), "allocate space for a file");
}

export function ftruncate(fd: number, size: number): void {
  check(call("ftruncate", fd, size), "set the size of a file");
}

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** The new position; -1 where SEEK_DATA finds nothing more (ENXIO). */
export function lseek(fd: number, offset: number, whence: number): number {
  const result = call("lseek", fd, offset, whence);
  return result === -6 ? -1 : check(result, "seek in a file");
}

const SYNC_FILE_RANGE_WRITE = 2;

/** Lets the kernel begin to write these bytes to the disk, and waits for nothing. Only a wish: what fails shows at the next sync. */
export function beginWriteBack(fd: number, range: { readonly offset: number; readonly bytes: number }): void {
  call("sync_file_range", fd, range.offset, range.bytes, SYNC_FILE_RANGE_WRITE);
}

/** Writes back all of the file system that holds `fd`. */
export function syncfs(fd: number): void {
  check(call("syncfs", fd), "write a file system back");
}

export function fsync(fd: number): void {
  check(call("fsync", fd), "write a file back");
}

export function fdatasync(fd: number): void {
  check(call("fdatasync", fd), "write a file back");
}

/** Makes `to` another handle on what `fd` is, for programs we become or start too. */
export function duplicate(fd: number, to: number): void {
  check(call("dup3", fd, to, 0), "duplicate a file handle");
}

export function close(fd: number): void {
  const result = call("close", fd);
  if (result !== -eintr) check(result, "close a file");
}

/** Closes and says nothing: for clean-up paths that already have an error to tell. */
export function closeQuietly(fd: number): void {
  if (fd >= 0) call("close", fd);
}

/** Another handle on the same open file, not below `least`; closed on exec unless `inherit`. */
export function dup(fd: number, { least = 3, inherit = false } = {}): number {
  const duplicate = 0;
  const duplicateCloexec = 1030;
  return check(call("fcntl", fd, inherit ? duplicate : duplicateCloexec, least), "duplicate a file handle");
}

/** Lets a handle pass through exec, or keeps it from that. */
export function setInheritable(fd: number, inheritable: boolean): void {
  const setFlags = 2;
  check(call("fcntl", fd, setFlags, inheritable ? 0 : 1), "set the flags of a file handle");
}

/** Makes reads and writes give way instead of waiting, for this end alone of a pipe. */
export function setNonBlocking(fd: number): void {
  const getStatus = 3;
  const setStatus = 4;
  const flags = check(call("fcntl", fd, getStatus), "read the flags of a file handle");
  check(call("fcntl", fd, setStatus, flags | 0o4000), "set the flags of a file handle");
}

/** A nameless file in memory, closed on exec. */
export function memfd(name: string): number {
  return scoped(() => check(call("memfd_create", putPath(name), 1), "make a file in memory"));
}

/** [reading end, writing end], closed on exec unless `inherit`. */
export function pipe2({ nonBlocking = false, inherit = false } = {}): [number, number] {
  return scoped(({ base, view }) => {
    const at = take(8);
    check(call("pipe2", base + at, (nonBlocking ? 0o4000 : 0) | (inherit ? 0 : cloexec)), "make a pipe");
    return [view.getInt32(at, true), view.getInt32(at + 4, true)];
  });
}
