// Reads source items entry by entry and tells them to whoever takes them: a place to put them, a digest, or both at once.
// Source: buildah-copy(1); OCI image-spec layer.md, "File Attributes".

import { Fault } from "../../base/fault.ts";
import {
  close, closeQuietly, fstat, handlePath, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openat2, openDirectory, readDirectory, readInto, readlinkat,
  statx, tryOpenat2, type Stat,
} from "../../kernel/files.ts";
import { getXattr, listXattrs } from "../../kernel/xattr.ts";
import { toByteText, toPath, type ByteText, type EntryKind, type TarEntry } from "../../storage/tar/entry.ts";
import type { TarHandler } from "../../storage/tar/reader.ts";
import { inTree, isDirectoryStat, type Excluding, type SourceItem } from "./copy-source.ts";
import type { ModeChange } from "./mode-change.ts";

export interface WalkOptions {
  readonly exclude?: Excluding;
  /** Everything becomes theirs; absent: owners stay. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly mode?: ModeChange;
  /** setuid and setgid are dropped. */
  readonly dropSetId?: boolean;
  readonly mtime?: { readonly sec: number; readonly nsec: number };
}

const typeMask = 0o170000;
const kinds: Readonly<Record<number, EntryKind>> = {
  0o100000: "file", 0o120000: "symlink", 0o020000: "character", 0o060000: "block", 0o040000: "directory", 0o010000: "fifo",
};
const readBytes = 1024 * 1024;
const oFollow = 0;

/** One walk over any number of items; hard links among them stay links. */
export class CopyWalk {
  readonly #rootFd: number;
  readonly #handler: TarHandler;
  readonly #options: WalkOptions;
  readonly #links = new Map<string, ByteText>();
  readonly #buffer = new Uint8Array(readBytes);
  /** Entries told so far. */
  count = 0;

  /** @param tree a directory of the host, which the items were found in */
  constructor(tree: string, handler: TarHandler, options: WalkOptions) {
    this.#rootFd = openDirectory(tree);
    this.#handler = handler;
    this.#options = options;
  }

  close(): void {
    closeQuietly(this.#rootFd);
  }

  /** @param as the name of a file; of a directory the name that stands before those of its entries, "" for none */
  item({ path, stat }: SourceItem, as: string): void {
    const name = toByteText(Buffer.from(as));
    if (isDirectoryStat(stat)) return this.#inside(path, name);
    if (this.#isLeftOut(path)) return;
    const fd = tryOpenat2(this.#rootFd, path, { flags: O_RDONLY | O_NONBLOCK | oFollow, resolve: inTree });
    if (fd < 0) return this.#special({ path, name, stat });
    try {
      this.#file(fd, { name, stat: fstat(fd) });
    } finally {
      close(fd);
    }
  }

  /** A directory by itself, for the parents of --parents. */
  directory(path: string, as: string): void {
    const fd = openat2(this.#rootFd, path || ".", { flags: O_RDONLY | O_DIRECTORY, resolve: inTree });
    try {
      this.#tell(this.#entry({ name: toByteText(Buffer.from(as)), stat: fstat(fd), fd }));
    } finally {
      close(fd);
    }
  }

  #isLeftOut(path: string): boolean {
    return path !== "" && (this.#options.exclude?.excludes(path) ?? false);
  }

  #inside(path: string, name: ByteText): void {
    if (this.#isLeftOut(path) && !this.#options.exclude!.mayIncludeBelow(path)) return;
    const fd = openat2(this.#rootFd, path || ".", { flags: O_RDONLY | O_DIRECTORY, resolve: inTree });
    try {
      this.#entries(fd, { path, name, pending: [] });
    } finally {
      close(fd);
    }
  }

  #entries(fd: number, at: Directory): void {
    for (const entry of readDirectory(fd).map(({ name }) => toByteText(name)).sort()) {
      const readable = Buffer.from(entry, "latin1").toString("utf8");
      this.#node(fd, {
        own: entry,
        path: at.path === "" ? readable : `${at.path}/${readable}`,
        name: at.name === "" ? entry : `${at.name}/${entry}`,
        pending: at.pending,
      });
    }
  }

  #node(dirfd: number, at: Directory & { own: ByteText }): void {
    const leftOut = this.#isLeftOut(at.path);
    const stat = statx(dirfd, toPath(at.own));
    const kind = kinds[stat.mode & typeMask];
    if (kind === undefined) return;
    if (kind === "directory") return this.#subdirectory(dirfd, at, { stat, leftOut });
    if (leftOut) return;
    this.#flush(at.pending);
    if (kind !== "file") return this.#plain(dirfd, at, stat);
    const fd = tryOpenat2(dirfd, toPath(at.own), { flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK });
    if (fd < 0) throw new Fault("system.denied", `cannot read "${at.path}": it cannot be opened`, { errno: "EACCES" });
    try {
      this.#file(fd, { name: at.name, stat });
    } finally {
      close(fd);
    }
  }

  /** One that is left out is told only when something below it is not. */
  #subdirectory(dirfd: number, at: Directory & { own: ByteText }, { stat, leftOut }: { stat: Stat; leftOut: boolean }): void {
    if (leftOut && !this.#options.exclude!.mayIncludeBelow(at.path)) return;
    const fd = openat2(dirfd, toPath(at.own), { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
    try {
      const entry = this.#entry({ name: at.name, stat, fd });
      const own = { entry, isTold: false };
      if (!leftOut) {
        this.#flush(at.pending);
        this.#flush([own]);
      }
      this.#entries(fd, { path: at.path, name: at.name, pending: leftOut ? [...at.pending, own] : [] });
    } finally {
      close(fd);
    }
  }

  #flush(pending: readonly Pending[]): void {
    for (const one of pending) {
      if (one.isTold) continue;
      one.isTold = true;
      this.#tell(one.entry);
    }
  }

  #plain(dirfd: number, at: Directory & { own: ByteText }, stat: Stat): void {
    const linkName = (stat.mode & typeMask) === 0o120000 ? toByteText(readlinkat(dirfd, toPath(at.own))) : "";
    this.#tell({ ...this.#entry({ name: at.name, stat }), linkName });
  }

  /** What is no file, named as a source. */
  #special({ path, name, stat }: { path: string; name: ByteText; stat: Stat }): void {
    if (kinds[stat.mode & typeMask] === undefined || (stat.mode & typeMask) === 0o100000) {
      throw new Fault("system.denied", `cannot read "${path}": it cannot be opened`, { errno: "EACCES" });
    }
    this.#tell(this.#entry({ name, stat }));
  }

  #file(fd: number, { name, stat }: { name: ByteText; stat: Stat }): void {
    const inode = `${stat.dev}:${stat.ino}`;
    const first = stat.nlink > 1 ? this.#links.get(inode) : undefined;
    if (first !== undefined) return this.#tell({ ...this.#entry({ name, stat }), kind: "hardlink", linkName: first, size: 0 });
    if (stat.nlink > 1) this.#links.set(inode, name);
    const entry = this.#entry({ name, stat, fd });
    if (entry.kind !== "file") return this.#tell(entry);
    this.#handler.entry(entry);
    for (let at = 0; at < entry.size; ) {
      const part = this.#buffer.subarray(0, Math.min(entry.size - at, readBytes));
      const got = readInto(fd, part);
      if (got === 0) part.fill(0);
      const piece = got === 0 ? part : part.subarray(0, got);
      this.#handler.data(piece, at);
      at += piece.length;
    }
    this.#handler.done();
    this.count++;
  }

  #tell(entry: TarEntry): void {
    this.#handler.entry(entry);
    this.#handler.done();
    this.count++;
  }

  #entry({ name, stat, fd }: { name: ByteText; stat: Stat; fd?: number }): TarEntry {
    const { owner, mode, dropSetId, mtime } = this.#options;
    const kind = kinds[stat.mode & typeMask]!;
    const bits = stat.mode & (dropSetId && kind !== "directory" ? 0o1777 : 0o7777);
    return {
      name,
      kind,
      mode: kind === "symlink" || mode === undefined ? bits : mode(bits, kind === "directory"),
      uid: owner?.uid ?? stat.uid,
      gid: owner?.gid ?? stat.gid,
      size: kind === "file" ? stat.size : 0,
      mtime: mtime ?? stat.mtime,
      linkName: "",
      device: stat.rdev,
      xattrs: fd === undefined ? undefined : xattrsOf(fd),
      regions: undefined,
    };
  }
}

interface Pending {
  readonly entry: TarEntry;
  isTold: boolean;
}

interface Directory {
  /** In the tree, for the ignore rules. */
  readonly path: string;
  /** As told. */
  readonly name: ByteText;
  /** Directories above that are told with the first entry below them. */
  readonly pending: readonly Pending[];
}

function xattrsOf(fd: number): Map<string, Uint8Array> | undefined {
  const names = listXattrs(handlePath(fd) as string).filter(name => (name === "security.capability" || name.startsWith("user.")) && !name.startsWith("user.overlay."));
  if (names.length === 0) return undefined;
  return new Map(names.flatMap(name => {
    const value = getXattr(fd, name);
    return value === undefined ? [] : [[name, value] as const];
  }));
}
