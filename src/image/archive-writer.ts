// A tar archive that grows as its files come, each written once. Names are in the order in which they came.

import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
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

export class ArchiveWriter {
  readonly #target: string | number;
  readonly #tmpDir: string | undefined;
  readonly #sizes = new Map<string, number>();
  #file: WholeFile | undefined;
  #fd = -1;

  /** @param target a path, at which it comes when it is whole, or an open descriptor, which may be a pipe */
  constructor(target: string | number, tmpDir: string | undefined) {
    this.#target = target;
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

  /** One at a time. Returns its bytes. @throws Fault "digest.mismatch", after which the archive is of no use */
  async addBlob(name: string, blob: Descriptor, content: BlobContent): Promise<number> {
    await this.#open();
    const size = blob.size === sizeUnknown ? await this.#addAside(name, blob, content) : await this.#addThrough(name, blob, content);
    this.#sizes.set(name, size);
    return size;
  }

  /** Ends it; what failed leaves no file behind. */
  async close(ok: boolean): Promise<void> {
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
    if (size !== blob.size || hasher.digest() !== blob.digest) {
      throw new Fault("digest.mismatch", `cannot write blob "${blob.digest}": what came has another digest or size`, {
        hint: "the source is damaged or lies; get the image elsewhere",
      });
    }
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
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
  }

  #guarded(write: () => void): void {
    try {
      write();
    } catch (thrown) {
      throw fileFault(`cannot write archive ${typeof this.#target === "number" ? "to its descriptor" : JSON.stringify(this.#target)}`, thrown);
    }
  }
}
