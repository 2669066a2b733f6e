// Archives among the sources of an ADD: known by their content, unpacked entry by entry.
// Source: Dockerfile reference, "ADD", "Adding local tar archives".

import { closeQuietly, O_NONBLOCK, O_RDONLY, openat2, openDirectory, readInto } from "../../kernel/files.ts";
import { compressionOf, inflate } from "../../storage/inflate.ts";
import type { TarEntry } from "../../storage/tar/entry.ts";
import { TarReader, type TarHandler } from "../../storage/tar/reader.ts";
import { inTree, type SourceItem } from "./copy-source.ts";
import type { WalkOptions } from "./copy-walk.ts";

const pieceBytes = 256 * 1024;
const blockBytes = 512;

async function* piecesOf(tree: string, path: string): AsyncGenerator<Uint8Array> {
  const root = openDirectory(tree);
  const fd = openat2(root, path, { flags: O_RDONLY | O_NONBLOCK, resolve: inTree });
  closeQuietly(root);
  try {
    for (;;) {
      const buffer = new Uint8Array(pieceBytes);
      const got = readInto(fd, buffer);
      if (got === 0) return;
      yield buffer.subarray(0, got);
    }
  } finally {
    closeQuietly(fd);
  }
}

class Enough extends Error {}

/** Whether it is a tar archive, packed or not, by its first header. */
export async function isArchive(tree: string, path: string): Promise<boolean> {
  for await (const piece of piecesOf(tree, path)) {
    const packing = compressionOf(piece);
    if (packing === "none" || packing === undefined) return holdsHeader(piece);
    break;
  }
  let first = new Uint8Array();
  try {
    await inflate(piecesOf(tree, path), bytes => {
      const joined = new Uint8Array(first.length + bytes.length);
      joined.set(first);
      joined.set(bytes, first.length);
      first = joined;
      if (first.length >= blockBytes) throw new Enough();
    });
  } catch {
    // Enough was read, or it is no packed file at all.
  }
  return holdsHeader(first);
}

function holdsHeader(bytes: Uint8Array): boolean {
  if (bytes.length < blockBytes) return false;
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += at >= 148 && at < 156 ? 0x20 : bytes[at]!;
  const written = Number.parseInt(new TextDecoder().decode(bytes.subarray(148, 156)).replace(/\0.*$/s, "").trim() || "x", 8);
  return written === sum;
}

/** Tells its entries; how many they were. Owners and modes stay the archive's unless others were asked for. */
export async function readArchive(job: { tree: string; options?: WalkOptions; keepOwners?: boolean }, item: SourceItem, handler: TarHandler): Promise<number> {
  const { mode, mtime } = job.options ?? {};
  let count = 0;
  const reader = new TarReader({
    entry(entry: TarEntry) {
      count++;
      handler.entry({
        ...entry,
        ...(mode === undefined || entry.kind === "symlink" ? {} : { mode: mode(entry.mode, entry.kind === "directory") }),
        ...(mtime === undefined ? {} : { mtime }),
      });
    },
    data: (bytes, offset) => handler.data(bytes, offset),
    done: () => handler.done(),
  });
  await inflate(piecesOf(job.tree, item.path), bytes => reader.push(bytes));
  reader.end();
  return count;
}
