// Writing one blob into a file: hashed on the way, renamed into place only when the digest is right.
// What an interrupted attempt has left is gone on with at the byte.

import { closeSync, fstatSync, openSync, readSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { algorithmOf, newHasher } from "../base/digest.ts";
import type { Hasher } from "../base/digest.ts";
import { Fault, errnoOf } from "../base/fault.ts";
import { freePiece } from "../base/garbage.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { isOfDead, processMark } from "../base/process-mark.ts";
import type { LaidOut } from "../storage/lay-out.ts";
import { sizeUnknown } from "./convert.ts";
import type { BlobContent } from "./source.ts";
import { fileFault } from "./tree.ts";

const pieceBytes = 256 * 1024;
/** From here on, another thread hashes and writes sooner than it takes to start it. */
const beside = 16 * 1024 * 1024;
/** Files being written by this process. */
const busy = new Set<string>();

/** Returns its bytes. @throws Fault "digest.mismatch", "system.no-space"; nothing of it is visible under its name then */
export async function writeBlobFile(path: string, blob: Descriptor, content: BlobContent): Promise<number> {
  const partial = claim(path);
  const hasher = newHasher(algorithmOf(blob.digest));
  let size = 0;
  let found: LaidOut | undefined;
  busy.add(partial);
  try {
    const fd = openSync(partial, "a+", 0o644);
    try {
      size = hashFile(fd, hasher);
      if (size === 0 && content.file && blob.size !== sizeUnknown) {
        found = await copyFile(fd, blob, content);
        size = found.size;
      } else if (blob.size === sizeUnknown || size < blob.size) {
        for await (const piece of await content.open(size)) {
          size += piece.length;
          if (blob.size !== sizeUnknown && size > blob.size) break;
          hasher.update(piece);
          for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
          freePiece(piece);
        }
      }
    } finally {
      closeSync(fd);
    }
    if ((found?.digest ?? hasher.digest()) !== blob.digest || (blob.size !== sizeUnknown && size !== blob.size)) throw wrong(blob);
    renameSync(partial, path);
    return size;
  } catch (thrown) {
    // Bytes that are wrong are of no use to the next attempt, and neither is a full disk's last file.
    const isUseless = size === 0 || (thrown instanceof Fault && thrown.code === "digest.mismatch") || errnoOf(thrown) !== undefined;
    if (isUseless) rmSync(partial, { force: true });
    throw fileFault(`cannot write ${JSON.stringify(path)}`, thrown);
  } finally {
    busy.delete(partial);
  }
}

/** Of a blob that is a file already: nothing of it passes through the pieces' way. */
async function copyFile(fd: number, blob: Descriptor, { file, onBytes }: BlobContent): Promise<LaidOut> {
  const { layOut } = await import("../storage/unpackers.ts");
  const job = { file: file!.path, isPacked: false, fd, at: 0, bytesMax: blob.size, algorithm: algorithmOf(blob.digest) };
  const found = await layOut(job, blob.size >= beside ? blob.size : 0);
  onBytes(found.size);
  return found;
}

const wrong = ({ digest }: Descriptor): Fault =>
  new Fault("digest.mismatch", `cannot write blob "${digest}": what came has another digest or size`, {
    hint: "the source is damaged or lies; get the image elsewhere",
  });

/** A name of our own, given to what a process that is no more has left. */
function claim(path: string): string {
  const own = `${path}.partial-${processMark()}`;
  if (busy.has(own)) return `${own}-${busy.size}`;
  try {
    const left = leftOf(path).find(name => name !== own);
    if (left !== undefined) renameSync(left, own);
  } catch (thrown) {
    // Another process was quicker to take it.
    if (errnoOf(thrown) !== "ENOENT") throw fileFault(`cannot write ${JSON.stringify(path)}`, thrown);
  }
  return own;
}

function leftOf(path: string): string[] {
  const start = `${basename(path)}.partial-`;
  return readdirSync(dirname(path)).filter(name => name.startsWith(start) && isOfDead(name.slice(start.length), true)).map(name => join(dirname(path), name));
}

function hashFile(fd: number, hasher: Hasher): number {
  if (fstatSync(fd).size === 0) return 0;
  const buffer = new Uint8Array(pieceBytes);
  for (let at = 0; ;) {
    const count = readSync(fd, buffer, 0, pieceBytes, at);
    if (count === 0) return at;
    hasher.update(buffer.subarray(0, count));
    at += count;
  }
}
