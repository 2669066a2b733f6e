// A directory tree as a tar stream: sorted by name, hard links kept, read while it is written out.
// Source: OCI image-spec layer.md, "Whiteouts", "File Attributes".

import {
  AT_FDCWD, close, findStat, fstat, handlePath, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openat2, readDirectory, readInto,
  readlinkat, type Stat, tryOpenat2,
} from "../../kernel/files.ts";
import { getXattr, listXattrs, type XattrTarget } from "../../kernel/xattr.ts";
import { isOpaque, isOverlayMark, isWhiteout, opaqueFile } from "../marks.ts";
import { type ByteText, type EntryKind, toByteText, toPath } from "./entry.ts";
import { tarEnd, tarHeader, tarPadding, type WrittenEntry } from "./writer.ts";

export interface TreeOptions {
  /** Overlay's marks become the whiteouts of a layer; otherwise they are left out. */
  readonly whiteouts?: boolean;
  /** Put before every name, such as "rootfs"; default none. */
  readonly prefix?: string;
  /** Whether the root directory has an entry of its own, "./". Default false. */
  readonly withRoot?: boolean;
  /** Whether the archive is ended here. Default true; otherwise more entries may follow. */
  readonly withEnd?: boolean;
  /** Names (in full, without a leading slash) to leave out with all below them. */
  readonly leaveOut?: ReadonlySet<string>;
  /** The last word on every entry's attributes, such as its times; size, kind and name must stay. */
  readonly alter?: (entry: WrittenEntry) => WrittenEntry;
}

const readBytes = 1024 * 1024;
/** What most files need no more than. */
const smallBytes = 64 * 1024;
const typeMask = 0o170000;
const kinds: Readonly<Record<number, EntryKind>> = {
  0o100000: "file", 0o120000: "symlink", 0o020000: "character", 0o060000: "block", 0o040000: "directory", 0o010000: "fifo",
};

export const tarOfDiff = (upper: string, options: Pick<TreeOptions, "alter"> = {}): Generator<Uint8Array> =>
  tarOfTree(upper, { ...options, whiteouts: true });

/** The chunks of the archive; each is valid until the next is asked for. Mounts inside the tree are gone into. */
export function* tarOfTree(path: string, options: TreeOptions = {}): Generator<Uint8Array> {
  const fd = openat2(AT_FDCWD, path, { flags: O_RDONLY | O_DIRECTORY });
  try {
    const prefix = options.prefix ? `${options.prefix.replace(/\/+$/, "")}/` : "";
    const walk: Walk = { options, prefix, links: new Map(), buffer: new Uint8Array(smallBytes) };
    if (options.withRoot) yield header(walk, entryOf({ name: prefix || "./", stat: fstat(fd), xattrs: xattrsOf(fd) }));
    yield* directory(walk, fd, "");
    if (options.withEnd ?? true) yield tarEnd();
  } finally {
    close(fd);
  }
}

/** An archive of one node that is no directory, under the name `as`. */
export function* tarOfNode(dirfd: number, name: ByteText, as: ByteText): Generator<Uint8Array> {
  const walk: Walk = { options: {}, prefix: "", links: new Map(), buffer: new Uint8Array(smallBytes) };
  yield* node(walk, dirfd, { name, inside: as });
  yield tarEnd();
}

/** An archive of whatever lies at a path of the host: a directory's contents, or one node under its own name. */
export function* tarOfPath(path: string): Generator<Uint8Array> {
  const slash = path.replace(/\/+$/, "").lastIndexOf("/");
  const fd = tryOpenat2(AT_FDCWD, path, { flags: O_RDONLY | O_DIRECTORY });
  if (fd >= 0) {
    close(fd);
    return yield* tarOfTree(path);
  }
  const above = openat2(AT_FDCWD, slash < 0 ? "." : path.slice(0, slash) || "/", { flags: O_RDONLY | O_DIRECTORY });
  try {
    const name = toByteText(Buffer.from(path.slice(slash + 1)));
    yield* tarOfNode(above, name, name);
  } finally {
    close(above);
  }
}

interface Walk {
  readonly options: TreeOptions;
  readonly prefix: string;
  /** First name of each file with several. */
  readonly links: Map<string, ByteText>;
  buffer: Uint8Array;
}

function* directory(walk: Walk, fd: number, path: ByteText): Generator<Uint8Array> {
  for (const name of readDirectory(fd).map(entry => toByteText(entry.name)).sort()) {
    const inside = path === "" ? name : `${path}/${name}`;
    if (walk.options.leaveOut?.has(inside) || (walk.options.whiteouts && name === opaqueFile)) continue;
    yield* node(walk, fd, { name, inside });
  }
}

function* node(walk: Walk, dirfd: number, at: { name: ByteText; inside: ByteText }): Generator<Uint8Array> {
  const path = toPath(at.name);
  // What went away since the directory was read is not there.
  const stat = findStat(dirfd, path);
  if (stat === undefined) return;
  const kind = kinds[stat.mode & typeMask];
  if (kind === undefined) return;
  const name = walk.prefix + at.inside;
  if (isWhiteout(stat)) {
    if (walk.options.whiteouts) yield header(walk, whiteout(name, stat));
    return;
  }
  const xattrs = kind === "file" || kind === "directory" ? xattrsOf(handlePath(dirfd, path)) : undefined;
  if (kind === "directory") return yield* subdirectory(walk, dirfd, { ...at, name, stat, xattrs });
  const inode = `${stat.dev}:${stat.ino}`;
  const first = stat.nlink > 1 ? walk.links.get(inode) : undefined;
  if (first !== undefined) {
    yield header(walk, { ...entryOf({ name, stat, xattrs: undefined }), kind: "hardlink", linkName: first, size: 0 });
    return;
  }
  if (stat.nlink > 1) walk.links.set(inode, name);
  if (kind === "file") return yield* file(walk, dirfd, { path, name, stat, xattrs });
  const linkName = kind === "symlink" ? toByteText(readlinkat(dirfd, path)) : "";
  yield header(walk, { ...entryOf({ name, stat, xattrs }), linkName });
}

interface Found {
  readonly name: ByteText;
  readonly stat: Stat;
  readonly xattrs: Map<string, Uint8Array> | undefined;
}

function* subdirectory(walk: Walk, dirfd: number, found: Found & { inside: ByteText }): Generator<Uint8Array> {
  const last = found.inside.slice(found.inside.lastIndexOf("/") + 1);
  const fd = tryOpenat2(dirfd, toPath(last), { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
  if (fd < 0) return;
  try {
    yield header(walk, entryOf(found));
    if (walk.options.whiteouts && isOpaque(fd)) yield header(walk, emptyFile(`${found.name}/${opaqueFile}`, found.stat));
    yield* directory(walk, fd, found.inside);
  } finally {
    close(fd);
  }
}

/** As long as its header says, even when the file changes meanwhile. */
function* file(walk: Walk, dirfd: number, found: Found & { path: string | Uint8Array }): Generator<Uint8Array> {
  const fd = tryOpenat2(dirfd, found.path, { flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK });
  if (fd < 0) return;
  try {
    const { size } = found.stat;
    yield header(walk, entryOf(found));
    if (size > walk.buffer.length && walk.buffer.length < readBytes) walk.buffer = new Uint8Array(readBytes);
    for (let left = size; left > 0; ) {
      const part = walk.buffer.subarray(0, Math.min(left, walk.buffer.length));
      const got = readInto(fd, part);
      if (got === 0) part.fill(0);
      yield got === 0 ? part : part.subarray(0, got);
      left -= got === 0 ? part.length : got;
    }
    yield tarPadding(size);
  } finally {
    close(fd);
  }
}

function entryOf({ name, stat, xattrs }: Found): WrittenEntry {
  const kind = kinds[stat.mode & typeMask]!;
  return {
    name,
    kind,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: kind === "file" ? stat.size : 0,
    mtime: stat.mtime,
    linkName: "",
    device: stat.rdev,
    xattrs,
  };
}

const emptyFile = (name: ByteText, stat: Stat): WrittenEntry => ({
  ...entryOf({ name, stat, xattrs: undefined }), kind: "file", mode: 0o600, size: 0,
});

function whiteout(name: ByteText, stat: Stat): WrittenEntry {
  const slash = name.lastIndexOf("/") + 1;
  // Of nobody in particular: whoever mounted the overlay made the mark.
  return { ...emptyFile(`${name.slice(0, slash)}.wh.${name.slice(slash)}`, stat), uid: 0, gid: 0 };
}

const header = ({ options: { alter } }: Walk, entry: WrittenEntry): Uint8Array => tarHeader(alter === undefined ? entry : alter(entry));

/** Those that travel: capabilities, IMA signatures and users' own; overlay's marks and SELinux labels stay. */
function xattrsOf(target: XattrTarget): Map<string, Uint8Array> | undefined {
  const kept = new Map<string, Uint8Array>();
  for (const name of listXattrs(target)) {
    const travels = name === "security.capability" || name === "security.ima" || name.startsWith("user.");
    if (!travels || isOverlayMark(name)) continue;
    const value = getXattr(target, name);
    if (value !== undefined) kept.set(name, value);
  }
  return kept.size === 0 ? undefined : kept;
}
