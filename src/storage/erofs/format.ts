// The bytes of an EROFS file system without compression: superblock, inodes, directories, attributes, indexes of data that lie elsewhere.
// Source: Documentation/filesystems/erofs.rst; fs/erofs/erofs_fs.h of Linux 6.12 (the on-disk format is stable).

import type { ByteText } from "../tar/entry.ts";
import type { Node, NodeKind } from "./nodes.ts";

export const magic = 0xe0f5e1e2;
/** As tar's, so that a file's data can stay where the archive has them. */
export const blockBytes = 512;
export const blockBits = 9;
/** What stands before everything else: the superblock lies in it, and the list of devices. */
export const headBytes = 4096;
export const superblockAt = 1024;
const deviceSlotBytes = 128;
const chunkedFile = 0x4;
const deviceTable = 0x8;

export const inodeBytes = 64;
export const nodeAlignment = 32;
export const chunkIndexBytes = 8;
export const attributesHeadBytes = 12;
export const direntBytes = 12;

const layouts = { plain: 0, inline: 2, chunks: 4 } as const;
export type DataLayout = keyof typeof layouts;

const typeBits: Readonly<Record<NodeKind, number>> = {
  file: 0o100000, directory: 0o040000, symlink: 0o120000, character: 0o020000, block: 0o060000, fifo: 0o010000,
};
const direntTypes: Readonly<Record<NodeKind, number>> = { file: 1, directory: 2, character: 3, block: 4, fifo: 5, symlink: 7 };
const prefixes: readonly (readonly [string, number])[] = [["user.", 1], ["trusted.", 4], ["security.", 6]];

export interface Head {
  readonly rootNid: number;
  readonly inodes: number;
  /** Of this file. */
  readonly blocks: number;
  readonly metadataBlock: number;
  /** Blocks of the archive when the data lie in it, in a file of its own; else they lie in this one. */
  readonly archiveBlocks: number | undefined;
}

/** The first `headBytes` of the file. */
export function headOf({ rootNid, inodes, blocks, metadataBlock, archiveBlocks }: Head): Uint8Array {
  const bytes = new Uint8Array(headBytes);
  const view = new DataView(bytes.buffer, superblockAt);
  view.setUint32(0, magic, true);
  view.setUint8(12, blockBits);
  view.setUint16(14, rootNid, true);
  view.setBigUint64(16, BigInt(inodes), true);
  view.setUint32(36, blocks, true);
  view.setUint32(40, metadataBlock, true);
  view.setUint32(80, chunkedFile | (archiveBlocks === undefined ? 0 : deviceTable), true);
  if (archiveBlocks === undefined) return bytes;
  view.setUint16(86, 1, true);
  view.setUint16(88, (superblockAt + deviceSlotBytes) / deviceSlotBytes, true);
  view.setUint32(deviceSlotBytes + 64, archiveBlocks, true);
  return bytes;
}

/** Whether the data lie in a file of their own. Undefined for bytes that are no such file system. */
export function readHead(bytes: Uint8Array): { readonly hasArchive: boolean } | undefined {
  if (bytes.length < superblockAt + deviceSlotBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + superblockAt);
  return view.getUint32(0, true) === magic ? { hasArchive: view.getUint16(86, true) > 0 } : undefined;
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Bytes of a node's attributes behind its inode. */
export function attributesBytes({ xattrs }: Node): number {
  if (xattrs === undefined) return 0;
  let bytes = attributesHeadBytes;
  for (const [name, value] of xattrs) bytes += roundUp(4 + name.length - prefixOf(name)[0].length + value.length, 4);
  return bytes;
}

const prefixOf = (name: string): readonly [string, number] => prefixes.find(([prefix]) => name.startsWith(prefix))!;

export interface InodeData {
  readonly layout: DataLayout;
  /** Bytes: of a directory, those of its entries. */
  readonly size: number;
  /** Where plain data begin; or where the chunk index points. */
  readonly block: number;
  /** The number of the device that holds the data: 0 is this file. */
  readonly device: number;
}

/** Writes inode, attributes and what follows them at `at`. */
export function writeNode(view: DataView, at: number, node: Node, number: number, data: InodeData): void {
  const attributes = attributesBytes(node);
  view.setUint16(at, 1 | (layouts[data.layout] << 1), true);
  view.setUint16(at + 2, attributes === 0 ? 0 : (attributes - attributesHeadBytes) / 4 + 1, true);
  view.setUint16(at + 4, typeBits[node.kind] | node.mode, true);
  view.setBigUint64(at + 8, BigInt(data.size), true);
  view.setUint32(at + 16, unionOf(node, data), true);
  view.setUint32(at + 20, number, true);
  view.setUint32(at + 24, node.uid, true);
  view.setUint32(at + 28, node.gid, true);
  view.setBigInt64(at + 32, BigInt(node.mtimeSec), true);
  view.setUint32(at + 40, node.mtimeNsec, true);
  view.setUint32(at + 44, node.links, true);
  if (attributes > 0) writeAttributes(view, at + inodeBytes, node.xattrs!);
  const behind = at + inodeBytes + attributes;
  if (data.layout === "inline") writeText(view, behind, node.target);
  if (data.layout === "chunks") {
    const index = roundUp(behind, chunkIndexBytes);
    view.setUint16(index + 2, data.device, true);
    view.setUint32(index + 4, data.block, true);
  }
}

/** One chunk always holds the whole file. */
function unionOf({ kind, device }: Node, { layout, size, block }: InodeData): number {
  if (kind === "character" || kind === "block") {
    return ((device.minor & 0xff) | ((device.major & 0xfff) << 8) | ((device.minor & 0xfff00) << 12)) >>> 0;
  }
  if (layout !== "chunks") return block;
  const indexed = 0x20;
  return indexed | Math.max(0, Math.ceil(Math.log2(size)) - blockBits);
}

function writeAttributes(view: DataView, at: number, xattrs: ReadonlyMap<string, Uint8Array>): void {
  let to = at + attributesHeadBytes;
  for (const [name, value] of xattrs) {
    const [prefix, index] = prefixOf(name);
    const rest = name.slice(prefix.length);
    view.setUint8(to, rest.length);
    view.setUint8(to + 1, index);
    view.setUint16(to + 2, value.length, true);
    writeText(view, to + 4, rest);
    new Uint8Array(view.buffer, view.byteOffset).set(value, to + 4 + rest.length);
    to += roundUp(4 + rest.length + value.length, 4);
  }
}

function writeText(view: DataView, at: number, text: ByteText): void {
  for (let index = 0; index < text.length; index++) view.setUint8(at + index, text.charCodeAt(index));
}

export interface Dirent {
  readonly name: ByteText;
  readonly nid: number;
  readonly kind: NodeKind;
}

/** How many of the sorted names fit into each block, and the bytes of all. */
export function splitDirectory(names: readonly ByteText[]): { readonly counts: readonly number[]; readonly bytes: number } {
  const counts: number[] = [];
  let [count, used] = [0, 0];
  for (const name of names) {
    const more = direntBytes + name.length;
    if (used + more > blockBytes) {
      counts.push(count);
      [count, used] = [0, 0];
    }
    count++;
    used += more;
  }
  counts.push(count);
  return { counts, bytes: (counts.length - 1) * blockBytes + used };
}

/** In every block first all entries, then their names. */
export function writeDirectory(view: DataView, at: number, dirents: readonly Dirent[], counts: readonly number[]): void {
  let next = 0;
  for (const [number, count] of counts.entries()) {
    const block = at + number * blockBytes;
    let nameAt = count * direntBytes;
    for (let index = 0; index < count; index++) {
      const { name, nid, kind } = dirents[next++]!;
      const entry = block + index * direntBytes;
      view.setBigUint64(entry, BigInt(nid), true);
      view.setUint16(entry + 8, nameAt, true);
      view.setUint8(entry + 10, direntTypes[kind]);
      writeText(view, block + nameAt, name);
      nameAt += name.length;
    }
  }
}
