// What a file is: statx, and the entries of a directory.
// Source: statx(2), getdents64(2).

import { putPath, scoped, takeDirty } from "./arena.ts";
import { call, check, type Path } from "./syscall.ts";

export interface Time {
  readonly sec: number;
  readonly nsec: number;
}

export interface Stat {
  /** Type and permissions, as st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Allocated, in units of 512 bytes. */
  readonly blocks: number;
  readonly nlink: number;
  readonly ino: bigint;
  /** The device that holds the file, as "8:1". */
  readonly dev: string;
  /** What a device node stands for. */
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  /** True for the root of a mount; undefined before Linux 5.8. */
  readonly isMountRoot: boolean | undefined;
}

const atSymlinkNofollow = 0x100;
const atEmptyPath = 0x1000;
const atNoAutomount = 0x800;
const statxBytes = 256;
const basicStats = 0x7ff;
const mountRootAttribute = 0x2000;
const enoent = 2;
const enotdir = 20;

/** Looks at what the path names; a final symbolic link itself unless `follow`. "" means the handle. */
export function statx(dirfd: number, path: Path, follow = false): Stat {
  return scoped(({ base, view }) => {
    const at = takeDirty(statxBytes);
    check(enterStatx(dirfd, path, { into: base + at, follow }), "look at", path);
    return readStat(view, at);
  });
}

/** As `statx`, but undefined where nothing has this name. */
export function findStat(dirfd: number, path: Path, follow = false): Stat | undefined {
  return scoped(({ base, view }) => {
    const at = takeDirty(statxBytes);
    const result = enterStatx(dirfd, path, { into: base + at, follow });
    if (result === -enoent || result === -enotdir) return undefined;
    check(result, "look at", path);
    return readStat(view, at);
  });
}

export const fstat = (fd: number): Stat => statx(fd, "");

function enterStatx(dirfd: number, path: Path, how: { readonly into: number; readonly follow: boolean }): number {
  const flags = atNoAutomount | (how.follow ? 0 : atSymlinkNofollow) | (path.length === 0 ? atEmptyPath : 0);
  return call("statx", dirfd, putPath(path), flags, basicStats, how.into);
}

function readStat(view: DataView, at: number): Stat {
  const u32 = (offset: number): number => view.getUint32(at + offset, true);
  const u64 = (offset: number): number => Number(view.getBigUint64(at + offset, true));
  return {
    mode: view.getUint16(at + 28, true),
    uid: u32(20),
    gid: u32(24),
    size: u64(40),
    blocks: u64(48),
    nlink: u32(16),
    ino: view.getBigUint64(at + 32, true),
    dev: `${u32(136)}:${u32(140)}`,
    rdev: { major: u32(128), minor: u32(132) },
    atime: readTime(view, at + 64),
    ctime: readTime(view, at + 96),
    mtime: readTime(view, at + 112),
    isMountRoot: (u32(56) & mountRootAttribute) === 0 ? undefined : (u32(8) & mountRootAttribute) !== 0,
  };
}

const readTime = (view: DataView, at: number): Time => ({
  sec: Number(view.getBigInt64(at, true)),
  nsec: view.getUint32(at + 8, true),
});

export type EntryType = "file" | "directory" | "symlink" | "character" | "block" | "fifo" | "socket" | "unknown";

export interface DirectoryEntry {
  /** As it lies on disk; need not be UTF-8. */
  readonly name: Uint8Array;
  /** "unknown" where the file system does not say. */
  readonly type: EntryType;
}

const directoryBufferBytes = 64 * 1024;

/** All entries but "." and "..", from the start and in the order of the file system. */
export function readDirectory(fd: number): DirectoryEntry[] {
  check(call("lseek", fd, 0, 0), "read a directory");
  return scoped(({ base, bytes, view }) => {
    const entries: DirectoryEntry[] = [];
    const at = takeDirty(directoryBufferBytes);
    for (;;) {
      const size = check(call("getdents64", fd, base + at, directoryBufferBytes), "read a directory");
      if (size === 0) return entries;
      for (let next = at; next < at + size; next += view.getUint16(next + 16, true)) {
        const name = bytes.slice(next + 19, bytes.indexOf(0, next + 19));
        if (!isDots(name)) entries.push({ name, type: entryType(view.getUint8(next + 18)) });
      }
    }
  });
}

const isDots = (name: Uint8Array): boolean =>
  name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));

function entryType(number: number): EntryType {
  switch (number) {
    case 1:
      return "fifo";
    case 2:
      return "character";
    case 4:
      return "directory";
    case 6:
      return "block";
    case 8:
      return "file";
    case 10:
      return "symlink";
    case 12:
      return "socket";
    default:
      return "unknown";
  }
}
