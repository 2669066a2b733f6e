// What differs between a writable overlay directory and the layers under it.
// Source: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"; podman-diff(1).

import { AT_FDCWD, close, findStat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat2, readDirectory, type Stat } from "../kernel/files.ts";
import { isOpaque, isWhiteout, opaqueFile, whiteoutPrefix } from "./marks.ts";
import type { Change } from "./store.ts";
import { type ByteText, showName, toByteText, toPath } from "./tar/entry.ts";

const typeMask = 0o170000;
const directoryType = 0o040000;

const isDirectory = (stat: Stat | undefined): boolean => stat !== undefined && (stat.mode & typeMask) === directoryType;

export interface ChangesHow {
  /** Tells as deleted, too, what a directory hides that was removed and made again. */
  readonly hidden?: boolean;
}

/** @param lower the directories of the layers, top first */
export function changesOf(upper: string, lower: readonly string[], { hidden = false }: ChangesHow = {}): Change[] {
  const changes: { kind: Change["kind"]; path: ByteText }[] = [];
  walk({ path: "", upper: toByteText(Buffer.from(upper)), lower: lower.map(path => toByteText(Buffer.from(path))), hidden }, changes);
  changes.sort((one, two) => (one.path < two.path ? -1 : one.path > two.path ? 1 : 0));
  return changes.map(({ kind, path }) => ({ kind, path: showName(path) }));
}

/** One directory: where it lies in the upper tree and in those layers that show through at this place. */
interface Place {
  readonly path: ByteText;
  readonly upper: ByteText;
  readonly lower: readonly ByteText[];
  readonly hidden: boolean;
}

/** True when something in it was recorded. */
function walk(place: Place, changes: { kind: Change["kind"]; path: ByteText }[]): boolean {
  const before = changes.length;
  for (const name of namesIn(place.upper)) {
    const path = `${place.path}/${name}`;
    const upper = `${place.upper}/${name}`;
    const stat = findStat(AT_FDCWD, toPath(upper));
    if (stat === undefined) continue;
    const { found, through } = below(place.lower, name);
    if (isWhiteout(stat)) {
      if (found !== undefined) changes.push({ kind: "D", path });
      continue;
    }
    if (name.startsWith(whiteoutPrefix) && below(place.lower, name.slice(whiteoutPrefix.length)).found !== undefined) {
      changes.push({ kind: "D", path: `${place.path}/${name.slice(whiteoutPrefix.length)}` });
      continue;
    }
    const kind = found === undefined ? "A" : "C";
    if (!isDirectory(stat)) {
      changes.push({ kind, path });
      continue;
    }
    const isHiding = isOpaque(toPath(upper));
    if (isHiding && place.hidden) for (const gone of hiddenNames(upper, through)) changes.push({ kind: "D", path: `${path}/${gone}` });
    const hasInside = walk({ path, upper, lower: isHiding ? [] : through, hidden: place.hidden }, changes);
    if (hasInside || found === undefined || !isSameDirectory(stat, found)) changes.push({ kind, path });
  }
  return changes.length > before;
}

/** A directory that was only copied up to look at it. */
const isSameDirectory = (one: Stat, two: Stat): boolean =>
  one.mode === two.mode && one.uid === two.uid && one.gid === two.gid &&
  one.mtime.sec === two.mtime.sec && one.mtime.nsec === two.mtime.nsec;

/** What the layers would show in a directory that was removed and made again, and what is not in it now. */
export function hiddenNames(upper: ByteText, lower: readonly ByteText[]): ByteText[] {
  const now = new Set(namesIn(upper));
  const names = new Set(lower.flatMap(namesIn));
  return [...names].filter(name => !now.has(name) && !name.startsWith(whiteoutPrefix) && below(lower, name).found !== undefined);
}

/** What the layers show under a name, and which of their directories make up a directory of that name. */
export function below(lower: readonly ByteText[], name: ByteText): { found: Stat | undefined; through: ByteText[] } {
  let found: Stat | undefined;
  const through: ByteText[] = [];
  for (const directory of lower) {
    const path = `${directory}/${name}`;
    const stat = findStat(AT_FDCWD, toPath(path));
    if (stat === undefined) {
      if (findStat(AT_FDCWD, toPath(`${directory}/${whiteoutPrefix}${name}`)) !== undefined) break;
      continue;
    }
    if (isWhiteout(stat) || (found !== undefined && !isDirectory(stat))) break;
    found ??= stat;
    if (!isDirectory(stat)) break;
    through.push(path);
    if (isOpaque(toPath(path))) break;
  }
  return { found, through };
}

function namesIn(directory: ByteText): ByteText[] {
  const fd = openat2(AT_FDCWD, toPath(directory), { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
  try {
    return readDirectory(fd).map(({ name }) => toByteText(name)).filter(name => name !== opaqueFile).sort();
  } finally {
    close(fd);
  }
}
