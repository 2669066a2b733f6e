// Files by directory handle: opening confined to a tree, making, linking, renaming, owning.
// Source: openat2(2), mknodat(2), linkat(2), renameat2(2), fchownat(2), utimensat(2), fchmodat(2).

import { putPath, scoped, take, takeDirty } from "./arena.ts";
import { call, callFault, check, type Path } from "./syscall.ts";

export { beginWriteBack, dup, close, closeQuietly, copyFileRange, fallocate, fdatasync, fsync, ftruncate, lseek } from "./data.ts";
export { memfd, pipe2, readAll, readInto, setInheritable, syncfs, tryCopyFileRange, writeAll } from "./data.ts";
export { findStat, fstat, readDirectory, statx } from "./stat.ts";
export type { Copying } from "./data.ts";
export type { DirectoryEntry, EntryType, Stat, Time } from "./stat.ts";

const arm = process.arch === "arm64";

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = arm ? 0o40000 : 0o200000;
export const O_NOFOLLOW = arm ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20000000 | O_DIRECTORY;

export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
/** Takes the directory handle for "/": neither "..", absolute paths nor symlinks lead out. */
export const RESOLVE_IN_ROOT = 0x10;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;

export interface OpenHow {
  /** O_CLOEXEC is always added. */
  readonly flags: number;
  /** Only with O_CREAT or O_TMPFILE. */
  readonly mode?: number;
  readonly resolve?: number;
}

/** Opens, and throws the system's fault when that fails; the caller closes. */
export function openat2(dirfd: number, path: Path, how: OpenHow): number {
  return check(tryOpenat2(dirfd, path, how), "open", path);
}

/** Opens without throwing: a handle, or -errno (-2 is ENOENT). */
export function tryOpenat2(dirfd: number, path: Path, how: OpenHow): number {
  return scoped(({ base, view }) => {
    const at = take(24);
    view.setUint32(at, how.flags | O_CLOEXEC, true);
    view.setUint32(at + 8, how.mode ?? 0, true);
    view.setUint32(at + 16, how.resolve ?? 0, true);
    const name = putPath(path);
    for (let left = racesMax; ; left--) {
      const result = call("openat2", dirfd, name, base + at, 24);
      // EAGAIN: something was renamed on the way, so the kernel cannot vouch for the confinement of this walk.
      const again = result === -eintr || (result === -eagain && how.resolve !== undefined);
      if (!again || left === 0) return result;
    }
  });
}
const racesMax = 64;
const eintr = 4;
const eagain = 11;
const enosys = 38;

/** A handle on a directory, for the *at functions; symlinks in the path are followed. */
export function openDirectory(path: Path, dirfd = AT_FDCWD): number {
  return check(tryOpenat2(dirfd, path, { flags: O_RDONLY | O_DIRECTORY }), "open directory", path);
}

export function mkdirat(dirfd: number, path: Path, mode = 0o777): void {
  scoped(() => check(call("mkdirat", dirfd, putPath(path), mode), "make directory", path));
}

export interface Device {
  readonly major: number;
  readonly minor: number;
}

/** `mode` holds the type (S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFREG) and the permissions. */
export function mknodat(dirfd: number, path: Path, mode: number, device: Device = { major: 0, minor: 0 }): void {
  const { major, minor } = device;
  const number = ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
  scoped(() => check(call("mknodat", dirfd, putPath(path), mode, number), "make node", path));
}

export function symlinkat(target: Path, dirfd: number, path: Path): void {
  scoped(() => check(call("symlinkat", putPath(target), dirfd, putPath(path)), "make symbolic link", path));
}

export interface Place {
  readonly dirfd: number;
  /** "" means the handle itself, where the call allows that. */
  readonly path: Path;
}

/** A hard link; a symbolic link is linked itself, not what it leads to. */
export function linkat(from: Place, to: Place): void {
  scoped(() => {
    const result = call("linkat", from.dirfd, putPath(from.path), to.dirfd, putPath(to.path), emptyFlag(from.path));
    check(result, "make hard link", to.path);
  });
}

/** A name for an open file, also for one that has none. Goes by /proc, as doing it by the handle alone takes a capability. */
export function linkOpen(fd: number, path: Path): void {
  const followsLinks = 0x400;
  scoped(() => check(call("linkat", AT_FDCWD, putPath(`/proc/self/fd/${fd}`), AT_FDCWD, putPath(path), followsLinks), "make", path));
}

/** Removes a name; with `directory` an empty directory. */
export function unlinkat(dirfd: number, path: Path, directory = false): void {
  scoped(() => check(call("unlinkat", dirfd, putPath(path), directory ? AT_REMOVEDIR : 0), "remove", path));
}

export function renameat2(from: Place, to: Place, flags = 0): void {
  scoped(() => {
    const result = call("renameat2", from.dirfd, putPath(from.path), to.dirfd, putPath(to.path), flags);
    check(result, "rename", from.path);
  });
}

/** Changes the owner of what the path names, not of what a final symbolic link leads to; -1 leaves an id as it is. */
export function fchownat(dirfd: number, path: Path, owner: { readonly uid: number; readonly gid: number }): void {
  const flags = AT_SYMLINK_NOFOLLOW | emptyFlag(path);
  scoped(() => check(call("fchownat", dirfd, putPath(path), owner.uid, owner.gid, flags), "change the owner of", path));
}

export function fchown(fd: number, owner: { readonly uid: number; readonly gid: number }): void {
  check(call("fchown", fd, owner.uid, owner.gid), "change the owner of an open file");
}

export function fchmod(fd: number, mode: number): void {
  check(call("fchmod", fd, mode), "change the mode of an open file");
}

/** Changes a mode without following a final symbolic link (for which Linux answers EOPNOTSUPP). */
export function fchmodat(dirfd: number, path: Path, mode: number): void {
  const flags = AT_SYMLINK_NOFOLLOW | emptyFlag(path);
  const result = scoped(() => call("fchmodat2", dirfd, putPath(path), mode, flags));
  check(result === -enosys ? chmodByHandle(dirfd, path, mode) : result, "change the mode of", path);
}

/** Before Linux 6.6: the mode of an O_PATH handle, by its name under /proc. */
function chmodByHandle(dirfd: number, path: Path, mode: number): number {
  const handle = path.length === 0 ? dirfd : tryOpenat2(dirfd, path, { flags: O_PATH | O_NOFOLLOW });
  if (handle < 0) return handle;
  try {
    return scoped(() => call("fchmodat", AT_FDCWD, putPath(`/proc/self/fd/${handle}`), mode));
  } finally {
    if (handle !== dirfd) call("close", handle);
  }
}

/** A moment: nanoseconds since 1970, or seconds and nanoseconds; "now" and "keep" as utimensat has them. */
export type Moment = bigint | { readonly sec: number; readonly nsec: number } | "now" | "keep";

/** Sets times to the nanosecond, of a symbolic link itself where the path names one. */
export function utimensat(dirfd: number, path: Path, times: { readonly atime?: Moment; readonly mtime: Moment }): void {
  scoped(({ base, view }) => {
    const at = take(32);
    putMoment(view, at, times.atime ?? times.mtime);
    putMoment(view, at + 16, times.mtime);
    const flags = AT_SYMLINK_NOFOLLOW | emptyFlag(path);
    check(call("utimensat", dirfd, putPath(path), base + at, flags), "set the times of", path);
  });
}

const nsecNow = (1 << 30) - 1;
const nsecOmit = (1 << 30) - 2;
const nsecPerSec = 1_000_000_000n;

function putMoment(view: DataView, at: number, moment: Moment): void {
  if (typeof moment === "string") return view.setUint32(at + 8, moment === "now" ? nsecNow : nsecOmit, true);
  if (typeof moment === "object") {
    view.setBigInt64(at, BigInt(moment.sec), true);
    return view.setUint32(at + 8, moment.nsec, true);
  }
  const nsec = ((moment % nsecPerSec) + nsecPerSec) % nsecPerSec;
  view.setBigInt64(at, (moment - nsec) / nsecPerSec, true);
  view.setUint32(at + 8, Number(nsec), true);
}

const pathBytesMax = 4096;

/** The bytes of a symbolic link's target. */
export function readlinkat(dirfd: number, path: Path): Uint8Array {
  return scoped(({ base, bytes }) => {
    const at = takeDirty(pathBytesMax);
    const size = check(call("readlinkat", dirfd, putPath(path), base + at, pathBytesMax), "read symbolic link", path);
    if (size === pathBytesMax) throw callFault(36, "read symbolic link", path);
    return bytes.slice(at, at + size);
  });
}

/**
 * A path by way of an open handle, for calls that have no *at form: "/proc/self/fd/7" or "/proc/self/fd/7/name".
 * `name` must be one component; only then does the handle still confine it.
 */
export function handlePath(fd: number, name?: Path): Path {
  const prefix = `/proc/self/fd/${fd}`;
  if (name === undefined) return prefix;
  if (typeof name === "string") return `${prefix}/${name}`;
  const joined = new Uint8Array(prefix.length + 1 + name.length);
  new TextEncoder().encodeInto(`${prefix}/`, joined);
  joined.set(name, prefix.length + 1);
  return joined;
}

const getFileFlags = 0x8008_6601;
const setFileFlags = 0x4008_6602;
const topDirectoryFlag = 0x2_0000;

/**
 * Says that the directories made in this one have nothing to do with each other. ext4 then puts each into a part of the disk
 * of its own; other file systems do not know the flag, which is no error.
 */
export function spreadChildren(fd: number): void {
  scoped(({ base, view }) => {
    const at = take(8);
    if (call("ioctl", fd, getFileFlags, base + at) < 0) return;
    view.setUint32(at, view.getUint32(at, true) | topDirectoryFlag, true);
    call("ioctl", fd, setFileFlags, base + at);
  });
}

const emptyFlag = (path: Path): number => (path.length === 0 ? AT_EMPTY_PATH : 0);
