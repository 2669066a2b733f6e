// A tar archive that grows as its files come, each written once. Names are in the order in which they came; where the archive is a
// plain file and sizes are known, several are written beside each other.

import { closeSync, fstatSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { algorithmOf, newHasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { scratch } from "../base/scratch.ts";
import { tarEnd, tarHeader, tarPadding } from "../storage/tar/writer.ts";
import type { WholeFile } from "../storage/whole-file.ts";
import { writeBlobFile } from "./blob-file.ts";
import { sizeUnknown } from "./convert.ts";
import type { BlobContent } from "./source.ts";
import { fileFault } from "./tree.ts";

const pieceBytes = 1024 * 1024;

const headerOf = (name: string, size: number): Uint8Array => tarHeader({
  kind: "file", name, linkName: "", mode: 0o644, uid: 0, gid: 0, size, mtime: { sec: 0, nsec: 0 }, device: { major: 0, minor: 0 }, xattrs: undefined,
});

interface BlobFile {
  readonly path: string;
  readonly size: number;
  readonly isPacked: boolean;
}

function fileOf(blob: Descriptor, { file, packed }: BlobContent): BlobFile | undefined {
  if (packed) return { ...packed, isPacked: true };
  return file && blob.size !== sizeUnknown ? { path: file.path, size: blob.size, isPacked: false } : undefined;
}

const padded = (size: number): number => size + tarPadding(size).length;

const wrong = ({ digest }: Descriptor): Fault =>
  new Fault("digest.mismatch", `cannot write blob "${digest}": what came has another digest or size`, {
    hint: "the source is damaged or lies; get the image elsewhere",
  });

export class ArchiveWriter {
  readonly #target: string | number;
  readonly #tmpDir: string | undefined;
  readonly #sizes = new Map<string, number>();
  /** Whether files can only come one after the other, as into a pipe. */
  readonly isStream: boolean;
  readonly #running = new Set<Promise<unknown>>();
  #file: WholeFile | undefined;
  #fd = -1;
  /** Where the next file goes; all before it is spoken for. */
  #end = 0;
  #lastTurn: Promise<void> = Promise.resolve();

  /** @param target a path, at which it comes when it is whole, or an open descriptor, which may be a pipe */
  constructor(target: string | number, tmpDir: string | undefined) {
    this.#target = target;
    this.isStream = typeof target === "number" || statSync(target, { throwIfNoEntry: false })?.isFile() === false;
    this.#tmpDir = tmpDir;
  }

  /** Bytes of a file that is in it; undefined for none of that name. */
  size(name: string): number | undefined {
    return this.#sizes.get(name);
  }

  async add(name: string, bytes: Uint8Array): Promise<void> {
    await this.#open();
    this.#guarded(() => {
      this.#write(headerOf(name, bytes.length));
      this.#write(bytes);
      this.#write(tarPadding(bytes.length));
    });
    this.#sizes.set(name, bytes.length);
  }

  /** Returns its bytes. Where that may be, the next ones come beside it. @throws Fault "digest.mismatch", after which the archive is of no use */
  async addBlob(name: string, blob: Descriptor, content: BlobContent): Promise<number> {
    const leave = await this.#turn();
    try {
      await this.#open();
      const file = this.isStream ? undefined : fileOf(blob, content);
      const size = file ? await this.#layOut(name, blob, { file, leave })
        : blob.size === sizeUnknown ? await this.#addAside(name, blob, content) : await this.#addThrough(name, blob, content);
      if (file) content.onBytes(file.size);
      this.#sizes.set(name, size);
      return size;
    } finally {
      leave();
    }
  }

  /** Resolves when all who came before have found their places; the caller has until it leaves. */
  async #turn(): Promise<() => void> {
    const before = this.#lastTurn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastTurn = promise;
    await before;
    return resolve;
  }

  /** From a file, by whatever thread is free; a blob of unknown size keeps its turn, and its header comes last. */
  async #layOut(name: string, blob: Descriptor, { file, leave }: { file: BlobFile; leave: () => void }): Promise<number> {
    const { layOut } = await import("../storage/unpackers.ts");
    const { layOutHere } = await import("../storage/lay-out.ts");
    const start = this.#end;
    const isKnown = blob.size !== sizeUnknown;
    const at = start + headerOf(name, 0).length;
    const job = { file: file.path, isPacked: file.isPacked, fd: this.#fd, at, bytesMax: isKnown ? blob.size : Number.MAX_SAFE_INTEGER, algorithm: algorithmOf(blob.digest) };
    if (isKnown) {
      this.#end = at + padded(blob.size);
      leave();
    }
    const running = isKnown ? layOut(job, file.size) : Promise.resolve().then(() => layOutHere(job));
    this.#running.add(running);
    const { digest, size } = await running.catch((thrown: unknown) => {
      throw fileFault(`cannot write archive ${JSON.stringify(this.#target)}`, thrown);
    });
    if (digest !== blob.digest || (isKnown && size !== blob.size)) throw wrong(blob);
    if (!isKnown) this.#end = at + padded(size);
    this.#guarded(() => this.#writeAt(headerOf(name, size), start));
    return size;
  }

  /** Ends it; what failed leaves no file behind. */
  async close(ok: boolean): Promise<void> {
    // Other threads write to the open file, whose number may be another's once it is closed.
    await Promise.allSettled(this.#running);
    try {
      if (!ok) return;
      await this.#open();
      this.#guarded(() => {
        this.#write(tarEnd());
        this.#file?.keep();
      });
    } finally {
      this.#file?.drop();
    }
  }

  async #open(): Promise<void> {
    if (this.#fd !== -1) return;
    if (typeof this.#target === "number") {
      this.#fd = this.#target;
      return;
    }
    const { wholeFile } = await import("../storage/whole-file.ts");
    this.#guarded(() => {
      this.#file = wholeFile(this.#target as string);
      this.#fd = this.#file.fd;
    });
  }

  async #addThrough(name: string, blob: Descriptor, content: BlobContent): Promise<number> {
    const hasher = newHasher(algorithmOf(blob.digest));
    let size = 0;
    this.#guarded(() => this.#write(headerOf(name, blob.size)));
    for await (const piece of await content.open(0)) {
      size += piece.length;
      if (size > blob.size) break;
      hasher.update(piece);
      this.#guarded(() => this.#write(piece));
    }
    if (size !== blob.size || hasher.digest() !== blob.digest) throw wrong(blob);
    this.#guarded(() => this.#write(tarPadding(size)));
    return size;
  }

  /** Its size stands before it, so that a file of unknown size takes a detour. */
  async #addAside(name: string, blob: Descriptor, content: BlobContent): Promise<number> {
    const aside = scratch(this.#tmpDir);
    try {
      const file = join(aside.path, "blob");
      const size = await writeBlobFile(file, blob, content);
      this.#guarded(() => this.#copy(file, headerOf(name, size)));
      return size;
    } finally {
      aside.remove();
    }
  }

  #copy(file: string, header: Uint8Array): void {
    const source = openSync(file, "r");
    try {
      this.#write(header);
      const { size } = fstatSync(source);
      const piece = new Uint8Array(pieceBytes);
      for (let at = 0; at < size; ) {
        const count = readSync(source, piece, 0, Math.min(pieceBytes, size - at), at);
        if (count === 0) throw new Error(`${file} got shorter`);
        this.#write(piece.subarray(0, count));
        at += count;
      }
      this.#write(tarPadding(size));
    } finally {
      closeSync(source);
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#file === undefined || this.isStream) for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    else this.#writeAt(bytes, this.#end);
    this.#end += bytes.length;
  }

  #writeAt(bytes: Uint8Array, place: number): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, place + at);
  }

  #guarded(write: () => void): void {
    try {
      write();
    } catch (thrown) {
      throw fileFault(`cannot write archive ${typeof this.#target === "number" ? "to its descriptor" : JSON.stringify(this.#target)}`, thrown);
    }
  }
}
