// What differs between two directory trees, whichever layers they are mounted from.

import { close, findStat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openDirectory, readDirectory, readInto, readlinkat, type Stat, tryOpenat2 } from "../kernel/files.ts";
import type { Change } from "./store.ts";
import { type ByteText, showName, toByteText, toPath } from "./tar/entry.ts";

const typeMask = 0o170000;
const isDirectory = (stat: Stat): boolean => (stat.mode & typeMask) === 0o040000;
const isFile = (stat: Stat): boolean => (stat.mode & typeMask) === 0o100000;
/** Overlay's mark of what is gone, whose owner and times say nothing. */
const isWhiteout = ({ mode, rdev }: Stat): boolean => (mode & typeMask) === 0o020000 && rdev.major === 0 && rdev.minor === 0;
const isLink = (stat: Stat): boolean => (stat.mode & typeMask) === 0o120000;

/** From `before` to `after`; parents come before what is in them. Of what was deleted only the top is told. */
export function compareTrees(before: string, after: string, how: Comparing = {}): Change[] {
  const one = openDirectory(before);
  try {
    const two = openDirectory(after);
    try {
      return inside({ one, two, path: "", contents: how.contents ?? false });
    } finally {
      close(two);
    }
  } finally {
    close(one);
  }
}

export interface Comparing {
  /** Read files that look alike too. */
  readonly contents?: boolean;
}

interface Pair {
  readonly contents: boolean;
  /** -1 where there is no such directory. */
  readonly one: number;
  readonly two: number;
  readonly path: ByteText;
}

const namesIn = (fd: number): ByteText[] => (fd < 0 ? [] : readDirectory(fd).map(({ name }) => toByteText(name)));

function inside(pair: Pair): Change[] {
  const names = [...new Set([...namesIn(pair.one), ...namesIn(pair.two)])].sort();
  return names.flatMap(name => named(pair, name));
}

function named({ one, two, path, contents }: Pair, name: ByteText): Change[] {
  const was = one < 0 ? undefined : findStat(one, toPath(name));
  const is = findStat(two, toPath(name));
  const full = `${path}/${name}`;
  const change = (kind: Change["kind"]): Change => ({ kind, path: showName(full) });
  if (is === undefined) return was === undefined ? [] : [change("D")];
  const below = isDirectory(is) ? both({ one: was && isDirectory(was) ? one : -1, two, path: full, contents }, name) : [];
  if (was === undefined) return [change("A"), ...below];
  return below.length > 0 || differs({ was, is }, { one, two, name, contents }) ? [change("C"), ...below] : below;
}

function differs({ was, is }: { was: Stat; is: Stat }, at: { one: number; two: number; name: ByteText; contents: boolean }): boolean {
  if ((was.ino === is.ino && was.dev === is.dev) || (isWhiteout(was) && isWhiteout(is))) return false;
  if (was.mode !== is.mode || was.uid !== is.uid || was.gid !== is.gid) return true;
  if (was.rdev.major !== is.rdev.major || was.rdev.minor !== is.rdev.minor) return true;
  if (isLink(is)) return toByteText(readlinkat(at.one, toPath(at.name))) !== toByteText(readlinkat(at.two, toPath(at.name)));
  if (isDirectory(is)) return false;
  if (was.size !== is.size || was.mtime.sec !== is.mtime.sec || was.mtime.nsec !== is.mtime.nsec) return true;
  return at.contents && isFile(is) && hasOtherBytes(at);
}

const pieceBytes = 256 * 1024;

function hasOtherBytes({ one, two, name }: { one: number; two: number; name: ByteText }): boolean {
  const [first, second] = [one, two].map(fd => tryOpenat2(fd, toPath(name), { flags: O_RDONLY | O_NOFOLLOW })) as [number, number];
  try {
    if (first < 0 || second < 0) return true;
    const [a, b] = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)];
    for (let at = 0; ;) {
      const got = readInto(first, a, at);
      if (readInto(second, b, at) !== got || Buffer.compare(a.subarray(0, got), b.subarray(0, got)) !== 0) return true;
      if (got === 0) return false;
      at += got;
    }
  } finally {
    for (const fd of [first, second]) if (fd >= 0) close(fd);
  }
}

function both({ one, two, path, contents }: Pair, name: ByteText): Change[] {
  const open = (fd: number): number => (fd < 0 ? -1 : tryOpenat2(fd, toPath(name), { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW }));
  const first = open(one);
  const second = open(two);
  try {
    return second < 0 ? [] : inside({ one: first, two: second, path, contents });
  } finally {
    for (const fd of [first, second]) if (fd >= 0) close(fd);
  }
}
