// Archive files: opened for reading whatever their packing, and written as tar from files that were made aside.

import { closeSync, fstatSync, openSync, readSync, readdirSync, statSync, writeSync } from "node:fs";
import { join, relative } from "node:path";
import { Fault } from "../base/fault.ts";
import { scratch } from "../base/scratch.ts";
import { tarEnd, tarHeader, tarPadding } from "../storage/tar/writer.ts";
import { archiveTree, fileFault } from "./tree.ts";
import type { Tree } from "./tree.ts";

const pieceBytes = 1024 * 1024;

/** Opens a tar file; one that is compressed as a whole is inflated into a scratch file first. */
export async function openArchive(path: string, tmpDir?: string): Promise<Tree> {
  const { compressionOf } = await import("../storage/inflate.ts");
  const head = firstBytes(path);
  const foreign = foreignPacking(head);
  if (!foreign && (compressionOf(head) ?? "none") === "none") return archiveTree(path);
  const aside = scratch(tmpDir);
  try {
    const plain = join(aside.path, "archive.tar");
    const { inflated } = await import("./inflate.ts");
    await writeFile(plain, foreign ? unpackedBy(foreign, path) : inflated(filePieces(path)));
    return { ...archiveTree(plain), path, close: aside.remove };
  } catch (thrown) {
    aside.remove();
    throw thrown;
  }
}

interface Unpacker {
  readonly program: string;
  readonly debianPackage: string;
}

/** Packings that only old archives have, left to their own programs. */
function foreignPacking(head: Uint8Array): Unpacker | undefined {
  const starts = (bytes: readonly number[]): boolean => bytes.every((byte, at) => head[at] === byte);
  if (starts([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])) return { program: "xz", debianPackage: "xz-utils" };
  return starts([0x42, 0x5a, 0x68]) ? { program: "bzip2", debianPackage: "bzip2" } : undefined;
}

const unpackedBytesMax = 64 * 1024 ** 3;

async function* unpackedBy({ program, debianPackage }: Unpacker, path: string): AsyncIterable<Uint8Array> {
  const { needProgram, spawn } = await import("../base/spawn.ts");
  const input = openSync(path, "r");
  const child = spawn([needProgram(program, debianPackage), "-dc"], { stdio: [input, "pipe", "ignore"] });
  closeSync(input);
  let bytes = 0;
  try {
    for await (const piece of child.stdout!) {
      bytes += piece.length;
      if (bytes > unpackedBytesMax) throw new Fault("input.too-large", `cannot read ${JSON.stringify(path)}: it unpacks to too much`);
      yield piece;
    }
    const status = await child.exited;
    if (status !== 0) throw new Fault("image.malformed", `cannot read archive ${JSON.stringify(path)}: ${program} left with status ${status}`);
  } finally {
    child.kill("SIGKILL");
  }
}

function firstBytes(path: string): Uint8Array {
  try {
    const fd = openSync(path, "r");
    try {
      const head = new Uint8Array(8);
      return head.subarray(0, readSync(fd, head, 0, 8, 0));
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    throw fileFault(`cannot open ${JSON.stringify(path)}`, thrown);
  }
}

async function* filePieces(path: string): AsyncIterable<Uint8Array> {
  const fd = openSync(path, "r");
  try {
    while (true) {
      const piece = new Uint8Array(pieceBytes);
      const count = readSync(fd, piece, 0, pieceBytes, null);
      if (count === 0) return;
      yield piece.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

async function writeFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const fd = openSync(path, "w", 0o600);
  try {
    for await (const piece of pieces) writeAll(fd, piece);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** Writes all of a directory as a tar to a path, at which it comes when it is whole, or to an open descriptor: names sorted, owners and times zeroed. */
export async function packDirectory(directory: string, target: string | number, first: readonly string[] = []): Promise<void> {
  if (typeof target === "number") return guarded("to its descriptor", () => packAll(target, directory, first));
  const { wholeFile } = await import("../storage/whole-file.ts");
  guarded(JSON.stringify(target), () => {
    const file = wholeFile(target);
    try {
      packAll(file.fd, directory, first);
      file.keep();
    } finally {
      file.drop();
    }
  });
}

function guarded(title: string, write: () => void): void {
  try {
    write();
  } catch (thrown) {
    throw fileFault(`cannot write archive ${title}`, thrown);
  }
}

function packAll(fd: number, directory: string, first: readonly string[]): void {
  const names = (readdirSync(directory, { recursive: true }) as string[]).sort();
  const rank = (name: string) => (first.includes(name) ? first.indexOf(name) : first.length);
  for (const name of names.sort((a, b) => rank(a) - rank(b))) packOne(fd, join(directory, name), directory);
  writeAll(fd, tarEnd());
}

function packOne(fd: number, file: string, directory: string): void {
  const isDirectory = statSync(file).isDirectory();
  const source = isDirectory ? undefined : openSync(file, "r");
  try {
    const size = source === undefined ? 0 : fstatSync(source).size;
    writeAll(fd, tarHeader({
      kind: isDirectory ? "directory" : "file", name: relative(directory, file), linkName: "", mode: isDirectory ? 0o755 : 0o644,
      uid: 0, gid: 0, size, mtime: { sec: 0, nsec: 0 }, device: { major: 0, minor: 0 }, xattrs: undefined,
    }));
    if (source === undefined) return;
    const piece = new Uint8Array(pieceBytes);
    for (let at = 0; at < size;) {
      const count = readSync(source, piece, 0, Math.min(pieceBytes, size - at), at);
      if (count === 0) throw new Error(`${file} got shorter`);
      writeAll(fd, piece.subarray(0, count));
      at += count;
    }
    writeAll(fd, tarPadding(size));
  } finally {
    if (source !== undefined) closeSync(source);
  }
}
