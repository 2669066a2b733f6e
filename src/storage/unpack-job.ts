// One unpacking: a growing blob file, inflated, hashed and unpacked into a fresh directory or told by an EROFS file, on whatever thread.

import * as fs from "node:fs";
import { type Digest, newHasher } from "../base/digest.ts";
import { AT_FDCWD, close, O_RDONLY, openat2, openDirectory, readInto } from "../kernel/files.ts";
import { type Growth, readGrowing } from "./growing.ts";
import { LayerImage } from "./erofs/image.ts";
import { Unsuited } from "./erofs/nodes.ts";
import { Inflation } from "./inflate.ts";
import { privilege } from "./privilege.ts";
import type { LayerForm } from "./store.ts";
import { TarReader } from "./tar/reader.ts";
import { type RootAttributes, Unpacker } from "./tar/unpack.ts";

const readBytes = 256 * 1024;

export interface UnpackJob {
  /** Compressed or not. It stays, where it is not compressed and the form is a file. */
  readonly file: string;
  /** Does not exist yet; stays behind half filled after a failure. */
  readonly staged: string;
  readonly form: LayerForm;
}

export interface Unpacked {
  readonly diffId: Digest;
  /** Of the tar stream. */
  readonly size: number;
  readonly root: RootAttributes | undefined;
  /** The archive is not compressed, so that its digest is the file's too. */
  readonly isPlain: boolean;
  /** Device nodes outside /dev that the kernel lets no ordinary user make. */
  readonly refusedDevices: readonly string[];
}

export async function unpackHere(job: UnpackJob, growth: Growth): Promise<Unpacked> {
  try {
    using unpacking = new Unpacking(job.staged, job.form);
    for await (const chunk of readGrowing(job.file, growth)) unpacking.push(chunk);
    return unpacking.end();
  } catch (thrown) {
    if (!(thrown instanceof Unsuited)) throw thrown;
    fs.rmSync(job.staged);
    return unpackHere({ ...job, form: "directory" }, growth);
  }
}

/** As `unpackHere` of a file that is whole, while everything else waits. */
export function unpackWaiting({ file, staged }: Omit<UnpackJob, "form">): Unpacked {
  using unpacking = new Unpacking(staged, "directory");
  const fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
  try {
    const buffer = new Uint8Array(readBytes);
    for (let at = 0, got; (got = readInto(fd, buffer, at)) > 0; at += got) unpacking.push(buffer.subarray(0, got));
  } finally {
    close(fd);
  }
  return unpacking.end();
}

/** What becomes of the archive. */
interface Target extends Disposable {
  /** With `isStored` the job's file has these bytes as they are. */
  push(bytes: Uint8Array, isStored: boolean): void;
  end(): Pick<Unpacked, "root" | "refusedDevices">;
}

class Directory implements Target {
  readonly #rootFd: number;
  readonly #unpacker: Unpacker;
  readonly #reader: TarReader;

  constructor(staged: string) {
    fs.mkdirSync(staged, { mode: 0o755 });
    this.#rootFd = openDirectory(staged);
    this.#unpacker = new Unpacker({ rootFd: this.#rootFd, ...privilege(), whiteouts: "overlay", isNew: true });
    this.#reader = new TarReader(this.#unpacker);
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  end(): Pick<Unpacked, "root" | "refusedDevices"> {
    this.#reader.end();
    this.#unpacker.finish();
    return { root: this.#unpacker.root, refusedDevices: this.#unpacker.refusedDevices };
  }

  [Symbol.dispose](): void {
    this.#unpacker.dispose();
    close(this.#rootFd);
  }
}

function imageAt(staged: string): Target {
  const image = new LayerImage(staged);
  return { push: (bytes, isStored) => image.push(bytes, isStored), end: () => ({ root: image.end(), refusedDevices: [] }), [Symbol.dispose]: () => image[Symbol.dispose]() };
}

class Unpacking implements Disposable {
  readonly #target: Target;
  readonly #hasher = newHasher();
  readonly #inflation: Inflation;
  #size = 0;

  constructor(staged: string, form: LayerForm) {
    this.#target = form === "erofs" ? imageAt(staged) : new Directory(staged);
    this.#inflation = new Inflation(bytes => {
      this.#hasher.update(bytes);
      this.#size += bytes.length;
      this.#target.push(bytes, this.#inflation.isPlain);
    });
  }

  push(chunk: Uint8Array): void {
    this.#inflation.push(chunk);
  }

  end(): Unpacked {
    this.#inflation.end();
    return { ...this.#target.end(), diffId: this.#hasher.digest(), size: this.#size, isPlain: this.#inflation.isPlain };
  }

  [Symbol.dispose](): void {
    this.#inflation[Symbol.dispose]();
    this.#target[Symbol.dispose]();
  }
}
