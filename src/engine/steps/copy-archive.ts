// Archives among the sources of an ADD: known by their content, unpacked entry by entry.
// Source: Dockerfile reference, "ADD", "Adding local tar archives".

import { Fault } from "../../base/fault.ts";
import { needProgram, spawn } from "../../base/spawn.ts";
import { closeQuietly, O_NONBLOCK, O_RDONLY, openat2, openDirectory, readInto } from "../../kernel/files.ts";
import { inflate } from "../../storage/inflate.ts";
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

const packers: readonly { readonly magic: readonly number[]; readonly program: string; readonly debianPackage: string }[] = [
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], program: "xz", debianPackage: "xz-utils" },
  { magic: [0x42, 0x5a, 0x68], program: "bzip2", debianPackage: "bzip2" },
];

/** As `piecesOf`, but what we do not unpack ourselves comes through its program. */
async function* unpackable(tree: string, path: string): AsyncGenerator<Uint8Array> {
  const root = openDirectory(tree);
  const fd = openat2(root, path, { flags: O_RDONLY | O_NONBLOCK, resolve: inTree });
  closeQuietly(root);
  try {
    const head = new Uint8Array(8);
    readInto(fd, head, 0);
    const packer = packers.find(({ magic }) => magic.every((byte, at) => head[at] === byte));
    if (packer === undefined) return yield* piecesOf(tree, path);
    const child = spawn([needProgram(packer.program, packer.debianPackage), "-dc"], { stdio: [fd, "pipe", "ignore"] });
    yield* child.stdout!;
    if ((await child.exited) !== 0) throw new Fault("layer.malformed", `cannot unpack "${path}": it is damaged`);
  } finally {
    closeQuietly(fd);
  }
}

class Enough extends Error {}

/** Whether it is a tar archive, packed or not, by its first header. */
export async function isArchive(tree: string, path: string): Promise<boolean> {
  let first = new Uint8Array();
  try {
    await inflate(unpackable(tree, path), bytes => {
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
  await inflate(unpackable(job.tree, item.path), bytes => reader.push(bytes));
  reader.end();
  return count;
}
