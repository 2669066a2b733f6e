// What a layer's archive makes, in memory and in overlay's form: the same as unpacking it into a directory would, without one.
// Source: OCI image-spec layer.md, "Whiteouts"; Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"; path_resolution(7).

import { Fault } from "../../base/fault.ts";
import { callFault } from "../../kernel/syscall.ts";
import { whiteoutPrefix } from "../marks.ts";
import { type ByteText, type EntryKind, showName, type TarEntry } from "../tar/entry.ts";
import { cleanName, splitPath } from "../tar/names.ts";
import type { TarHandler } from "../tar/reader.ts";
import { isForged, refused, type RootAttributes } from "../tar/unpack.ts";

export type NodeKind = Exclude<EntryKind, "hardlink">;

export interface Node {
  kind: NodeKind;
  /** The low 12 bits. */
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  /** Of a file, bytes. */
  size: number;
  /** Where a file's data begins in the tar stream, a multiple of 512; -1 where it has none. */
  start: number;
  /** Of a symbolic link. */
  target: ByteText;
  device: TarEntry["device"];
  xattrs: Map<string, Uint8Array> | undefined;
  /** Of a directory. */
  children: Map<ByteText, Node> | undefined;
  /** The root's own is itself. */
  parent: Node | undefined;
  /** Set while the image is laid out: its number in the file system, and the names it has. */
  nid: number;
  links: number;
}

/** This layer cannot be told without a directory: it is unpacked into one. */
export class Unsuited extends Error {}

const enoent = 2;
const eperm = 1;
const enotdir = 20;
const enametoolong = 36;
const eloop = 40;
const linksMax = 40;
const nameBytesMax = 255;
/** Of about a KB each while it is read. */
const entriesMax = 100_000;
const targetBytesMax = 4095;
const noDevice = { major: 0, minor: 0 };
const attributeNames = /^(?:user|trusted|security)\./;
const yes = new Uint8Array([0x79]);

export class LayerNodes implements TarHandler {
  readonly top: Node;
  /** What has no entry of its own. */
  readonly #nowSec: number;
  #entries = 0;
  #entry: TarEntry | undefined;
  #file: Node | undefined;
  /** The directory that the last entry was in: archives name a directory's files one after the other. */
  #last: { directory: ByteText; node: Node } | undefined;
  root: RootAttributes | undefined;

  constructor(nowSec: number) {
    this.#nowSec = nowSec;
    this.top = this.#implied();
    this.top.parent = this.top;
  }

  /** @throws Unsuited, and Fault as unpacking does */
  entry(entry: TarEntry): void {
    if (++this.#entries > entriesMax) throw new Unsuited("it has too many entries to keep in memory");
    this.#entry = entry;
    this.#file = undefined;
    if (entry.regions !== undefined) throw new Unsuited("it has a file with holes");
    const path = cleanName(entry.name);
    if (path === "") return this.#rootEntry(entry);
    const { directory, name } = splitPath(path);
    const parent = this.#directory(directory);
    if (name.startsWith(whiteoutPrefix)) return this.#whiteout(parent, name.slice(whiteoutPrefix.length));
    if (name.length > nameBytesMax) throw callFault(enametoolong, "unpack", showName(entry.name));
    switch (entry.kind) {
      case "directory":
        return this.#makeDirectory(parent, name);
      case "hardlink":
        return this.#link(parent, name, path);
      default:
        return this.#put(parent, name, entry.kind);
    }
  }

  data(bytes: Uint8Array, offset: number, position?: number): void {
    if (this.#file === undefined) return;
    if (position === undefined) throw new Unsuited("its data come from no archive");
    if (offset === 0) this.#file.start = position;
    else if (this.#file.start + offset !== position) throw new Unsuited("a file's data do not lie together");
  }

  done(): void {}

  #implied(): Node {
    return {
      kind: "directory", mode: 0o755, uid: 0, gid: 0, mtimeSec: this.#nowSec, mtimeNsec: 0, size: 0, start: -1, target: "", device: noDevice, xattrs: undefined,
      children: new Map(), parent: undefined, nid: 0, links: 0,
    };
  }

  #rootEntry(entry: TarEntry): void {
    if (entry.kind !== "directory") throw refused(entry, "it stands for the root but is no directory");
    this.root = { mode: entry.mode, uid: entry.uid, gid: entry.gid };
    this.#describe(this.top, entry);
  }

  #describe(node: Node, entry: TarEntry): void {
    const isMarked = isOpaque(node);
    const { mode, uid, gid, mtime } = entry;
    Object.assign(node, { mode, uid, gid, mtimeSec: mtime.sec, mtimeNsec: mtime.nsec, xattrs: attributesOf(entry) });
    if (isMarked) markOpaque(node);
  }

  #makeDirectory(parent: Node, name: ByteText): void {
    const found = parent.children!.get(name);
    if (found?.kind === "directory") return this.#describe(found, this.#entry!);
    const made = this.#implied();
    this.#set(parent, name, made);
    this.#describe(made, this.#entry!);
    if (found !== undefined && isWhiteout(found)) markOpaque(made);
  }

  #put(parent: Node, name: ByteText, kind: NodeKind): void {
    const entry = this.#entry!;
    if (kind === "symlink") checkTarget(entry);
    const { mode, uid, gid, mtime, size, linkName: target, device } = entry;
    const node: Node = {
      kind, mode: kind === "symlink" ? 0o777 : mode, uid, gid, mtimeSec: mtime.sec, mtimeNsec: mtime.nsec, size, start: -1,
      target: kind === "symlink" ? target : "", device: kind === "character" || kind === "block" ? device : noDevice, xattrs: attributesOf(entry),
      children: undefined, parent: undefined, nid: 0, links: 0,
    };
    this.#set(parent, name, node);
    if (kind === "file") this.#file = node;
  }

  #set(parent: Node, name: ByteText, node: Node): void {
    // What led through the directory that goes leads there no more.
    if (parent.children!.get(name)?.children !== undefined) this.#last = undefined;
    if (node.children !== undefined) node.parent = parent;
    parent.children!.set(name, node);
  }

  #link(parent: Node, name: ByteText, path: ByteText): void {
    const entry = this.#entry!;
    const target = cleanName(entry.linkName);
    if (target === path) return;
    this.#clear(parent, name);
    const { directory, name: last } = splitPath(target);
    const holder = this.#walk(directory);
    const found = target === "" || typeof holder === "number" ? undefined : holder.children!.get(last);
    if (found === undefined) throw refused(entry, `the hard link leads to "${showName(entry.linkName)}", which is not in this layer`);
    if (found.kind === "directory") throw callFault(eperm, "link", showName(entry.name));
    parent.children!.set(name, found);
  }

  #clear(parent: Node, name: ByteText): void {
    if (parent.children!.get(name)?.children !== undefined) this.#last = undefined;
    parent.children!.delete(name);
  }

  #whiteout(parent: Node, name: ByteText): void {
    if (name === ".wh..opq") return markOpaque(parent);
    if (name.startsWith(".wh.")) return;
    if (name === "" || name === "." || name === "..") {
      throw new Fault("layer.escapes", `cannot unpack "${showName(this.#entry!.name)}": it deletes no name of its own directory`);
    }
    if (name.length > nameBytesMax) throw callFault(enametoolong, "unpack", showName(this.#entry!.name));
    const found = parent.children!.get(name);
    if (found?.kind === "directory") markOpaque(found);
    if (found !== undefined) return;
    parent.children!.set(name, { ...this.#implied(), kind: "character", mode: 0, children: undefined });
  }

  /** The directory of the archive, made where it is missing. */
  #directory(directory: ByteText): Node {
    if (directory === "") return this.top;
    if (this.#last?.directory === directory) return this.#last.node;
    let found = this.#walk(directory);
    if (found === enoent) {
      const { directory: above, name } = splitPath(directory);
      if (name.length > nameBytesMax) throw callFault(enametoolong, "unpack", showName(this.#entry!.name));
      const parent = this.#directory(above);
      if (!parent.children!.has(name)) this.#set(parent, name, this.#implied());
      found = this.#walk(directory);
    }
    if (typeof found === "number") throw this.#noDirectory(directory, found);
    this.#last = { directory, node: found };
    return found;
  }

  #noDirectory(directory: ByteText, errno: number): Fault {
    if (errno !== enoent) return refused(this.#entry!, callFault(errno, "open", showName(directory)).message);
    return new Fault("layer.escapes", `cannot unpack "${showName(this.#entry!.name)}": "${showName(directory)}" is a link that leads nowhere`, {
      hint: "do not use this image: its layer writes through a broken symbolic link",
    });
  }

  /** As openat2(2) does with RESOLVE_IN_ROOT; what stops it is an error number. */
  #walk(path: ByteText): Node | number {
    const todo = path.split("/").reverse();
    let at = this.top;
    let links = 0;
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        at = at.parent!;
        continue;
      }
      const next = at.children!.get(part);
      if (next === undefined) return enoent;
      if (next.kind === "symlink") {
        if (++links > linksMax) return eloop;
        if (next.target.startsWith("/")) at = this.top;
        todo.push(...next.target.split("/").reverse());
      } else if (next.children === undefined) return enotdir;
      else at = next;
    }
    return at;
  }
}

const isWhiteout = ({ kind, device }: Node): boolean => kind === "character" && device.major === 0 && device.minor === 0;
const opaqueName = "trusted.overlay.opaque";
const isOpaque = (node: Node): boolean => node.xattrs?.has(opaqueName) === true;
const markOpaque = (node: Node): void => void (node.xattrs ??= new Map()).set(opaqueName, yes);

function checkTarget(entry: TarEntry): void {
  if (entry.linkName === "") throw callFault(enoent, "unpack", showName(entry.name));
  if (entry.linkName.length > targetBytesMax) throw callFault(enametoolong, "unpack", showName(entry.name));
}

function attributesOf({ xattrs, kind }: TarEntry): Map<string, Uint8Array> | undefined {
  if (xattrs === undefined) return undefined;
  const kept = new Map<string, Uint8Array>();
  for (const [name, value] of xattrs) {
    if (isForged(name)) continue;
    // Access lists are more to the kernel than bytes.
    if (!attributeNames.test(name) || name.length > nameBytesMax) throw new Unsuited(`it has an attribute ${JSON.stringify(name)}`);
    if (name.startsWith("user.") && kind !== "file" && kind !== "directory") continue;
    kept.set(name, value);
  }
  return kept.size === 0 ? undefined : kept;
}
