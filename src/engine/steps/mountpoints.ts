// Mountpoints that a runtime makes in a root where they are missing: noticed before the run, taken away after it.

import {
  closeQuietly, fstat, O_DIRECTORY, O_PATH, openDirectory, readDirectory, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, statx, tryOpenat2, unlinkat, utimensat,
  type Time,
} from "../../kernel/files.ts";

export interface Made {
  /** Those that are there and empty now go, deepest first; the directories that held them get their times back. */
  remove(): void;
}

interface Missing {
  /** Handle on the deepest directory that is there, with its times before. */
  readonly above: number;
  readonly mtime: Time;
  readonly rest: readonly string[];
}

const inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** To be called before the run. */
export function missingMountpoints(root: string, targets: readonly string[]): Made {
  const rootFd = openDirectory(root);
  const missing: Missing[] = [];
  try {
    for (const target of targets) {
      const found = missingBelow(rootFd, target.split("/").filter(part => part !== "" && part !== "."));
      if (found !== undefined) missing.push(found);
    }
  } finally {
    closeQuietly(rootFd);
  }
  return {
    remove() {
      for (const one of missing.sort((a, b) => b.rest.length - a.rest.length)) takeAway(one);
      for (const { above, mtime } of missing) restoreTime(above, mtime);
      for (const { above } of missing) closeQuietly(above);
    },
  };
}

function missingBelow(rootFd: number, parts: readonly string[]): Missing | undefined {
  let above = tryOpenat2(rootFd, ".", { flags: O_PATH | O_DIRECTORY, resolve: inside });
  for (let at = 0; at < parts.length; at++) {
    const next = tryOpenat2(rootFd, parts.slice(0, at + 1).join("/"), { flags: O_PATH, resolve: inside });
    if (next < 0) return { above, mtime: fstat(above).mtime, rest: parts.slice(at) };
    closeQuietly(above);
    above = next;
  }
  closeQuietly(above);
  return undefined;
}

const enoent = 2;

function takeAway({ above, rest }: Missing): void {
  for (let depth = rest.length; depth > 0; depth--) {
    const parent = depth === 1 ? above : tryOpenat2(above, rest.slice(0, depth - 1).join("/"), { flags: O_PATH | O_DIRECTORY, resolve: inside });
    if (parent < 0) {
      if (parent === -enoent) continue;
      return;
    }
    try {
      if (!removeEmpty(parent, rest[depth - 1]!)) return;
    } finally {
      if (parent !== above) closeQuietly(parent);
    }
  }
}

/** False where something was put there. */
function removeEmpty(parent: number, name: string): boolean {
  try {
    const stat = statx(parent, name);
    const isDirectory = (stat.mode & 0o170000) === 0o040000;
    if (!isDirectory && ((stat.mode & 0o170000) !== 0o100000 || stat.size > 0)) return false;
    if (isDirectory && !isEmpty(parent, name)) return false;
    unlinkat(parent, name, isDirectory);
    return true;
  } catch {
    return true;
  }
}

function isEmpty(parent: number, name: string): boolean {
  const fd = openDirectory(name, parent);
  try {
    return readDirectory(fd).length === 0;
  } finally {
    closeQuietly(fd);
  }
}

function restoreTime(directory: number, mtime: Time): void {
  try {
    utimensat(directory, ".", { atime: "keep", mtime });
  } catch {
    // It went away with what was in it.
  }
}
