// Whole directory trees by handle: removing, measuring. Symbolic links and mounts of the tree are never followed.

import { errnoOf } from "../base/fault.ts";
import {
  AT_FDCWD, close, findStat, fstat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat2, readDirectory, renameat2, statx, tryOpenat2, unlinkat,
} from "../kernel/files.ts";
import { call } from "../kernel/syscall.ts";
import { putPath, scoped } from "../kernel/arena.ts";
import type { Path } from "../kernel/syscall.ts";

const depthMax = 48;
const enoent = 2;
const removeDirectory = 0x200;
const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

const tryUnlink = (dirfd: number, name: Path, flags: number): number =>
  scoped(() => call("unlinkat", dirfd, putPath(name), flags));

/** Removes `name` in the directory and all below it; nothing happens when it is not there. */
export function removeTree(dirfd: number, name: Path): void {
  const result = tryUnlink(dirfd, name, 0);
  if (result === 0 || result === -enoent) return;
  if (tryUnlink(dirfd, name, removeDirectory) === 0) return;
  const queue: Path[] = [name];
  const deep = { dirfd, count: 0, queue };
  for (let next; (next = queue.pop()) !== undefined; ) {
    emptyDirectory({ dirfd, name: next, depth: 0 }, deep);
    unlinkat(dirfd, next, true);
  }
}

/** Where trees too deep for handles are moved to: beside the first, to be removed next. */
interface Deep {
  readonly dirfd: number;
  count: number;
  readonly queue: Path[];
}

function emptyDirectory(at: { dirfd: number; name: Path; depth: number }, deep: Deep): void {
  const fd = openat2(at.dirfd, at.name, { flags: directoryFlags });
  try {
    for (const entry of readDirectory(fd)) {
      if (tryUnlink(fd, entry.name, 0) === 0 || tryUnlink(fd, entry.name, removeDirectory) === 0) continue;
      if (at.depth < depthMax) {
        emptyDirectory({ dirfd: fd, name: entry.name, depth: at.depth + 1 }, deep);
        unlinkat(fd, entry.name, true);
      } else {
        const aside = `.deep-${process.pid}-${deep.count++}`;
        renameat2({ dirfd: fd, path: entry.name }, { dirfd: deep.dirfd, path: aside });
        deep.queue.push(aside);
      }
    }
  } finally {
    close(fd);
  }
}

/** As `removeTree`, by path. */
export function removePath(path: string): void {
  const slash = path.lastIndexOf("/");
  const parent = tryOpenat2(AT_FDCWD, path.slice(0, slash) || "/", { flags: O_RDONLY | O_DIRECTORY });
  if (parent < 0) return;
  try {
    removeTree(parent, path.slice(slash + 1));
  } finally {
    close(parent);
  }
}

/** Bytes of all files below, each hard-linked file counted once, directories not at all; nothing for what somebody removes meanwhile. */
export function treeBytes(path: string): number {
  const seen = new Set<bigint>();
  const fd = tryOpenat2(AT_FDCWD, path, { flags: directoryFlags });
  if (fd < 0) return 0;
  try {
    return directoryBytes(fd, seen);
  } finally {
    close(fd);
  }
}

/** Of a directory that is removed while it is read the kernel says that it is not there. */
function entriesLeft(fd: number): ReturnType<typeof readDirectory> {
  try {
    return readDirectory(fd);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}

function directoryBytes(fd: number, seen: Set<bigint>): number {
  let bytes = 0;
  for (const { name, type } of entriesLeft(fd)) {
    if (type !== "directory") {
      const stat = findStat(fd, name);
      if (stat === undefined) continue;
      if (stat.nlink > 1 && (stat.mode & 0o170000) !== 0o040000) {
        if (seen.has(stat.ino)) continue;
        seen.add(stat.ino);
      }
      if ((stat.mode & 0o170000) !== 0o040000) bytes += stat.size;
      continue;
    }
    const below = tryOpenat2(fd, name, { flags: directoryFlags });
    if (below < 0) continue;
    try {
      bytes += directoryBytes(below, seen);
    } finally {
      close(below);
    }
  }
  return bytes;
}

/** Whether the path is a directory of its own, not a link to one. */
export function isDirectory(path: string): boolean {
  const fd = tryOpenat2(AT_FDCWD, path, { flags: directoryFlags });
  if (fd < 0) return false;
  const found = fstat(fd);
  close(fd);
  return (found.mode & 0o170000) === 0o040000;
}
