// Unpacks entries below one directory, in overlay's form; no name in an archive leads out of it.
// Source: openat2(2); OCI image-spec layer.md, "Whiteouts"; Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".

import { Fault } from "../../base/fault.ts";
import {
  close, closeQuietly, fchmod, fchmodat, fchown, fchownat, findStat, ftruncate, handlePath, linkat, mkdirat, mknodat,
  O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_WRONLY, openat2, readDirectory, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS,
  symlinkat, tryOpenat2, unlinkat, utimensat, writeAll,
} from "../../kernel/files.ts";
import { callFault } from "../../kernel/syscall.ts";
import { setXattr, type XattrTarget } from "../../kernel/xattr.ts";
import { isWhiteout, markDeleted, markOpaque, whiteoutPrefix } from "../marks.ts";
import { removeTree } from "../tree.ts";
import { type ByteText, showName, type TarEntry, toByteText, toPath } from "./entry.ts";
import { cleanName, splitPath } from "./names.ts";
import { type Newborn, newbornIn } from "./newborn.ts";
import type { TarHandler } from "./reader.ts";

export interface UnpackOptions {
  /** A handle on the directory; stays the caller's. */
  readonly rootFd: number;
  /** Where overlay keeps its marks: "user." in a user namespace. */
  readonly overlayMarks: "trusted." | "user.";
  /** Device nodes and attributes that are refused are left out: without real root. */
  readonly lenient: boolean;
  /** Owners that cannot be are passed over: where there is one ID only. */
  readonly singleOwner?: boolean;
  /** Whiteouts become overlay's; or they delete what is there (an opaque directory's mark must come first in it); or they are files as others (for trees that are not layers). */
  readonly whiteouts: "overlay" | "apply" | "keep";
  /** Nothing is there yet, and nobody else puts anything there. */
  readonly isNew?: boolean;
}

/** What the archive says of the root directory itself. */
export interface RootAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const confined = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const handlesMax = 32;
const enoent = 2;
const eexist = 17;
const types = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

export class Unpacker implements TarHandler {
  readonly #options: UnpackOptions;
  readonly #handles = new Map<ByteText, number>();
  /** Directories get their attributes last: what is put into them would change their times. */
  readonly #directories = new Map<ByteText, TarEntry>();
  #entry: TarEntry | undefined;
  #file = -1;
  readonly #newborn: Newborn | undefined;
  /** The file begun last has owner and mode. */
  #isOwned = false;
  /** The file system took no mark of overlay's. */
  #hasMarkFiles = false;
  root: RootAttributes | undefined;
  /** Outside /dev. */
  readonly refusedDevices: string[] = [];

  constructor(options: UnpackOptions) {
    this.#options = options;
    if (options.isNew) this.#newborn = newbornIn(options.rootFd);
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    const path = cleanName(entry.name);
    if (path === "") return this.#rootEntry(entry);
    const { directory, name } = splitPath(path);
    const parent = this.#handle(directory);
    if (name.startsWith(whiteoutPrefix) && this.#options.whiteouts !== "keep") return this.#whiteout({ directory, parent, name: name.slice(4) });
    switch (entry.kind) {
      case "file":
        return this.#create(parent, name);
      case "directory":
        this.#describe(path, entry);
        return this.#makeDirectory(parent, name);
      case "symlink":
        return this.#place(parent, name, () => symlinkat(toPath(entry.linkName), parent, toPath(name)));
      case "hardlink":
        return this.#link(parent, name, path);
      default:
        return this.#node(parent, name, types[entry.kind]);
    }
  }

  data(bytes: Uint8Array, offset: number): void {
    if (this.#file < 0) return;
    if (this.#entry!.regions === undefined) writeAll(this.#file, bytes);
    else writeAll(this.#file, bytes, offset);
  }

  done(): void {
    if (this.#file < 0) return;
    const fd = this.#file;
    const entry = this.#entry!;
    if (entry.regions !== undefined) ftruncate(fd, entry.size);
    if (!this.#isOwned) {
      this.#own(entry, () => fchown(fd, entry));
      fchmod(fd, entry.mode);
    }
    if (entry.xattrs !== undefined) this.#attributes(fd, entry);
    utimensat(fd, "", { mtime: entry.mtime });
    close(fd);
    this.#file = -1;
  }

  /** Gives directories their attributes, deepest first, and lets the handles go. */
  finish(): void {
    try {
      for (const [path, entry] of [...this.#directories].reverse()) this.#finishDirectory(path, entry);
    } finally {
      this.dispose();
    }
  }

  dispose(): void {
    closeQuietly(this.#file);
    this.#file = -1;
    this.#forgetHandles();
  }

  /** What was below goes, and what has the same name later is another. */
  #forgetDirectories(below: ByteText): void {
    for (const path of this.#directories.keys()) if (path.startsWith(below)) this.#directories.delete(path);
  }

  #rootEntry(entry: TarEntry): void {
    if (entry.kind !== "directory") throw refused(entry, "it stands for the root but is no directory");
    this.root = { mode: entry.mode, uid: entry.uid, gid: entry.gid };
    this.#describe(".", entry);
  }

  /** What comes later counts, and comes behind what is in it. */
  #describe(path: ByteText, entry: TarEntry): void {
    this.#directories.delete(path);
    this.#directories.set(path, entry);
  }

  #finishDirectory(path: ByteText, entry: TarEntry): void {
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    const fd = tryOpenat2(this.#options.rootFd, toPath(path), { flags, resolve: confined });
    // A later entry has taken its place.
    if (fd < 0) return;
    try {
      this.#own(entry, () => fchown(fd, entry));
      fchmod(fd, entry.mode);
      if (entry.xattrs !== undefined) this.#attributes(fd, entry);
      utimensat(fd, "", { mtime: entry.mtime });
    } finally {
      close(fd);
    }
  }

  /** The handle of a directory of the archive, made where it is missing. */
  #handle(directory: ByteText): number {
    if (directory === "") return this.#options.rootFd;
    const known = this.#handles.get(directory);
    if (known !== undefined) return known;
    let fd = this.#open(directory);
    if (fd === -enoent) {
      const { directory: above, name } = splitPath(directory);
      this.#makeParent(this.#handle(above), name);
      fd = this.#open(directory);
    }
    if (fd < 0) throw this.#noDirectory(directory, -fd);
    if (this.#handles.size >= handlesMax) this.#forgetOldest();
    this.#handles.set(directory, fd);
    return fd;
  }

  #open(directory: ByteText): number {
    return tryOpenat2(this.#options.rootFd, toPath(directory), { flags: O_PATH | O_DIRECTORY, resolve: confined });
  }

  #makeParent(parent: number, name: ByteText): void {
    if (findStat(parent, toPath(name)) !== undefined) return;
    mkdirat(parent, toPath(name), 0o755);
    fchmodat(parent, toPath(name), 0o755);
  }

  #noDirectory(directory: ByteText, errno: number): Fault {
    const value = showName(this.#entry!.name);
    if (errno !== enoent) return refused(this.#entry!, callFault(errno, "open", showName(directory)).message);
    return new Fault("layer.escapes", `cannot unpack "${value}": "${showName(directory)}" is a link that leads nowhere`, {
      hint: "do not use this image: its layer writes through a broken symbolic link",
    });
  }

  #forgetOldest(): void {
    for (const [directory, fd] of this.#handles) {
      this.#handles.delete(directory);
      return close(fd);
    }
  }

  #forgetHandles(): void {
    for (const fd of this.#handles.values()) closeQuietly(fd);
    this.#handles.clear();
  }

  #create(parent: number, name: ByteText): void {
    const path = toPath(name);
    this.#takeMarkFile(parent, name);
    this.#isOwned = this.#newborn?.has(this.#entry!) ?? false;
    const how = { flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: this.#isOwned ? this.#entry!.mode : 0o600 };
    let fd = tryOpenat2(parent, path, how);
    if (fd === -eexist) {
      this.#clear(parent, name);
      fd = tryOpenat2(parent, path, how);
    }
    if (fd < 0) throw callFault(-fd, "unpack", showName(this.#entry!.name));
    this.#file = fd;
  }

  #makeDirectory(parent: number, name: ByteText): void {
    const found = findStat(parent, toPath(name));
    if (found !== undefined && (found.mode & 0o170000) === 0o040000) return;
    const wasWhiteout = this.#takeMarkFile(parent, name) || (found !== undefined && isWhiteout(found));
    if (found !== undefined) this.#clear(parent, name);
    mkdirat(parent, toPath(name), 0o700);
    if (wasWhiteout) this.#markOpaque(handlePath(parent, toPath(name)));
  }

  /** Makes a node that is no file or directory, and gives it its attributes. */
  #place(parent: number, name: ByteText, make: () => void): void {
    const entry = this.#entry!;
    const path = toPath(name);
    this.#takeMarkFile(parent, name);
    if (findStat(parent, path) !== undefined) this.#clear(parent, name);
    make();
    this.#own(entry, () => fchownat(parent, path, entry));
    if (entry.kind !== "symlink") fchmodat(parent, path, entry.mode);
    if (entry.xattrs !== undefined) this.#attributes(handlePath(parent, path), entry);
    utimensat(parent, path, { mtime: entry.mtime });
  }

  /** The kernel knows no owner outside the maps of our user namespace. */
  #own(entry: TarEntry, give: () => void): void {
    try {
      give();
    } catch (thrown) {
      if (!this.#options.lenient || !(thrown instanceof Fault) || thrown.errno !== "EINVAL") throw thrown;
      if (this.#options.singleOwner) return;
      const wanted = `requested ${entry.uid}:${entry.gid} for /${showName(entry.name)}`;
      throw new Fault("system.denied", `potentially insufficient UIDs or GIDs available in user namespace (${wanted})`, {
        cause: thrown, hint: "give the user wider ranges in /etc/subuid and /etc/subgid, then run: podman system migrate",
      });
    }
  }

  #node(parent: number, name: ByteText, type: number): void {
    const { device } = this.#entry!;
    try {
      this.#place(parent, name, () => mknodat(parent, toPath(name), type | 0o600, device));
    } catch (thrown) {
      const isRefused = this.#options.lenient && thrown instanceof Fault && thrown.errno === "EPERM";
      if (!isRefused) throw thrown;
      // The runtime makes /dev anew for every container, whatever the image has there.
      if (!cleanName(this.#entry!.name).startsWith("dev/")) this.refusedDevices.push(showName(this.#entry!.name));
    }
  }

  #link(parent: number, name: ByteText, path: ByteText): void {
    const entry = this.#entry!;
    const target = cleanName(entry.linkName);
    if (target === path) return;
    this.#takeMarkFile(parent, name);
    // Before anything is opened: making way lets handles go.
    if (findStat(parent, toPath(name)) !== undefined) this.#clear(parent, name);
    const { directory, name: last } = splitPath(target);
    const opened = directory === "" ? this.#options.rootFd : (this.#handles.get(directory) ?? this.#open(directory));
    if (target === "" || opened < 0 || findStat(opened, toPath(last)) === undefined) {
      throw refused(entry, `the hard link leads to "${showName(entry.linkName)}", which is not in this layer`);
    }
    try {
      linkat({ dirfd: opened, path: toPath(last) }, { dirfd: parent, path: toPath(name) });
    } finally {
      if (opened !== this.#options.rootFd && this.#handles.get(directory) !== opened) closeQuietly(opened);
    }
  }

  #whiteout(at: { directory: ByteText; parent: number; name: ByteText }): void {
    const { directory, parent, name } = at;
    if (name === ".wh..opq") return this.#opaque(directory);
    if (name.startsWith(".wh.")) return;
    if (name === "" || name === "." || name === "..") {
      throw new Fault("layer.escapes", `cannot unpack "${showName(this.#entry!.name)}": it deletes no name of its own directory`);
    }
    if (this.#options.whiteouts === "apply") return this.#clear(parent, name);
    const found = findStat(parent, toPath(name));
    if (found === undefined) {
      if (markDeleted(parent, name) !== name) this.#hasMarkFiles = true;
    } else if ((found.mode & 0o170000) === 0o040000) this.#markOpaque(handlePath(parent, toPath(name)));
  }

  #opaque(directory: ByteText): void {
    const flags = O_RDONLY | O_DIRECTORY;
    const fd = openat2(this.#options.rootFd, directory === "" ? "." : toPath(directory), { flags, resolve: confined });
    try {
      if (this.#options.whiteouts === "apply") for (const { name } of readDirectory(fd)) this.#clear(fd, toByteText(name));
      else this.#markOpaque(fd);
    } finally {
      close(fd);
    }
  }

  /** Where deletions are files, what comes in their place must take them away. True where there was one. */
  #takeMarkFile(parent: number, name: ByteText): boolean {
    if (!this.#hasMarkFiles) return false;
    const mark = toPath(`${whiteoutPrefix}${name}`);
    if (findStat(parent, mark) === undefined) return false;
    unlinkat(parent, mark);
    return true;
  }

  #markOpaque(target: XattrTarget): void {
    markOpaque(target, this.#options.overlayMarks);
  }

  #attributes(target: XattrTarget, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs!) {
      if (isForged(name)) continue;
      try {
        setXattr(target, name, value);
      } catch (thrown) {
        const errno = thrown instanceof Fault ? thrown.errno : undefined;
        if (errno !== "EOPNOTSUPP" && errno !== "EPERM") throw thrown;
      }
    }
  }

  /** Makes way for another entry of the same name. Handles may have led through what goes, by links too. */
  #clear(parent: number, name: ByteText): void {
    removeTree(parent, toPath(name));
    this.#forgetDirectories(`${cleanName(this.#entry!.name)}/`);
    for (const [directory, fd] of this.#handles) {
      if (fd === parent) continue;
      this.#handles.delete(directory);
      close(fd);
    }
  }
}

/** Overlay's marks come from whiteouts only (a forged redirect would show other directories), labels from the host. */
export const isForged = (name: string): boolean => name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.") || name === "security.selinux";

export const refused = (entry: TarEntry, reason: string): Fault =>
  new Fault("layer.malformed", `cannot unpack "${showName(entry.name)}": ${reason}`, {
    hint: "make the image again: this layer is damaged or was written by a faulty program",
  });
