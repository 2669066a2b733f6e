// Where everything of a layer's nodes lies in an EROFS file system, and its bytes.

import type { ByteText } from "../tar/entry.ts";
import {
  attributesBytes, blockBytes, chunkIndexBytes, type DataLayout, type Dirent, inodeBytes, nodeAlignment, splitDirectory, writeDirectory, writeNode,
} from "./format.ts";
import type { Node } from "./nodes.ts";

export interface DataPlace {
  /** The device that holds the archive: 0 where it lies in the same file. */
  readonly device: number;
  /** The block of that device at which the archive begins. */
  readonly firstBlock: number;
  /** The block of this file at which the metadata are to begin. */
  readonly metadataBlock: number;
}

export interface Metadata {
  readonly bytes: Uint8Array;
  readonly rootNid: number;
  readonly inodes: number;
}

interface Placed {
  readonly node: Node;
  readonly at: number;
  readonly layout: DataLayout;
}

/** The number 0 means nothing in some places of the format. */
const firstNodeAt = inodeBytes;
const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** The numbers and links of the nodes are set by it. */
export function layOut(top: Node, place: DataPlace): Metadata {
  const nodes = placeNodes(top);
  const directories = new Map<Node, { readonly dirents: readonly Dirent[]; readonly counts: readonly number[]; readonly bytes: number; readonly at: number }>();
  const texts = new Map<Node, number>();
  let end = roundUp(nodes.end, blockBytes);
  for (const { node, layout } of nodes.placed) {
    if (node.children !== undefined) {
      const dirents = direntsOf(node);
      const { counts, bytes } = splitDirectory(dirents.map(({ name }) => name));
      directories.set(node, { dirents, counts, bytes, at: end });
      end += roundUp(bytes, blockBytes);
    } else if (node.kind === "symlink" && layout === "plain") {
      texts.set(node, end);
      end += roundUp(node.target.length, blockBytes);
    }
  }
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  for (const [number, { node, at, layout }] of nodes.placed.entries()) {
    const directory = directories.get(node);
    const text = texts.get(node);
    const plainAt = directory?.at ?? text;
    const block = plainAt !== undefined ? place.metadataBlock + plainAt / blockBytes : node.start >= 0 ? place.firstBlock + node.start / blockBytes : 0;
    const size = directory?.bytes ?? (node.kind === "symlink" ? node.target.length : node.size);
    writeNode(view, at, node, number + 1, { layout, size, block, device: place.device });
    if (directory) writeDirectory(view, directory.at, directory.dirents, directory.counts);
    if (text !== undefined) bytes.set(Buffer.from(node.target, "latin1"), text);
  }
  return { bytes, rootNid: top.nid, inodes: nodes.placed.length };
}

function placeNodes(top: Node): { readonly placed: readonly Placed[]; readonly end: number } {
  const placed: Placed[] = [];
  let end = firstNodeAt;
  const take = (node: Node): void => {
    const { at, layout, bytes } = placeNode(node, end);
    node.nid = at / nodeAlignment;
    node.links = node.children === undefined ? 0 : 2;
    placed.push({ node, at, layout });
    end = at + bytes;
  };
  take(top);
  // What is placed is walked behind the last that was.
  for (let next = 0; next < placed.length; next++) {
    const { node } = placed[next]!;
    for (const child of node.children?.values() ?? []) {
      if (child.nid === 0) take(child);
      if (child.children === undefined) child.links++;
      else node.links++;
    }
  }
  return { placed, end };
}

/** No inode and no text behind one reaches over the end of a block. */
function placeNode(node: Node, end: number): { at: number; layout: DataLayout; bytes: number } {
  const body = inodeBytes + attributesBytes(node);
  const at = roundUp(end, nodeAlignment);
  const within = (bytes: number): number => ((at % blockBytes) + bytes > blockBytes ? roundUp(at, blockBytes) : at);
  if (node.kind === "symlink" && body + node.target.length <= blockBytes) {
    const bytes = body + node.target.length;
    return { at: within(bytes), layout: "inline", bytes };
  }
  if (node.kind === "file" && node.size > 0) return { at: within(inodeBytes), layout: "chunks", bytes: roundUp(body, chunkIndexBytes) + chunkIndexBytes };
  return { at: within(inodeBytes), layout: "plain", bytes: body };
}

/** Byte order, the directory itself and the one above among them. */
function direntsOf(node: Node): Dirent[] {
  const names: [ByteText, Node][] = [[".", node], ["..", node.parent!], ...node.children!];
  names.sort(([one], [two]) => (one < two ? -1 : 1));
  return names.map(([name, { nid, kind }]) => ({ name, nid, kind }));
}
