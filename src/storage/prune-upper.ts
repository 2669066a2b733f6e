// Directories of a writable layer that were copied up only to be looked into: they say nothing, so no layer keeps them.
// Source: Documentation/filesystems/overlayfs.rst, "Upper and Lower".

import { AT_FDCWD, close, findStat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat2, readDirectory, unlinkat, utimensat, type Stat } from "../kernel/files.ts";
import { isOpaque, isWhiteout, whiteoutPrefix } from "./marks.ts";
import { type ByteText, toByteText, toPath } from "./tar/entry.ts";

const typeMask = 0o170000;
const isDirectory = (stat: Stat | undefined): boolean => stat !== undefined && (stat.mode & typeMask) === 0o040000;

/** @param upper not mounted; @param lower the trees under it, top first */
export function pruneUpper(upper: string, lower: readonly string[]): void {
  const fd = openat2(AT_FDCWD, upper, { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
  try {
    pruneInside(fd, lower.map(path => toByteText(Buffer.from(path))));
  } finally {
    close(fd);
  }
}

function pruneInside(fd: number, lower: readonly ByteText[]): void {
  for (const { name, type } of readDirectory(fd)) {
    if (type !== "directory" && type !== "unknown") continue;
    const text = toByteText(name);
    const stat = findStat(fd, name);
    const below = shown(lower, text);
    if (!isDirectory(stat) || below === undefined) continue;
    pruneDirectory(fd, { name, stat: stat!, below, lower: lower.map(path => `${path}/${text}`) });
  }
}

interface Candidate {
  readonly name: Uint8Array;
  readonly stat: Stat;
  readonly below: Stat;
  readonly lower: readonly ByteText[];
}

function pruneDirectory(parent: number, { name, stat, below, lower }: Candidate): void {
  const fd = openat2(parent, name, { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
  try {
    if (isOpaque(fd)) return;
    pruneInside(fd, lower);
    // Taking away what was in it has set its time.
    utimensat(fd, "", { atime: "keep", mtime: stat.mtime });
    if (readDirectory(fd).length > 0) return;
  } finally {
    close(fd);
  }
  const isSame = stat.mode === below.mode && stat.uid === below.uid && stat.gid === below.gid &&
    stat.mtime.sec === below.mtime.sec && stat.mtime.nsec === below.mtime.nsec;
  if (isSame) unlinkat(parent, name, true);
}

/** What the layers show under a name, where that is a directory. */
function shown(lower: readonly ByteText[], name: ByteText): Stat | undefined {
  for (const directory of lower) {
    const stat = findStat(AT_FDCWD, toPath(`${directory}/${name}`));
    if (stat === undefined) {
      if (findStat(AT_FDCWD, toPath(`${directory}/${whiteoutPrefix}${name}`)) !== undefined) return undefined;
      continue;
    }
    return isDirectory(stat) && !isWhiteout(stat) ? stat : undefined;
  }
  return undefined;
}
