// One unpacking: a growing blob file, inflated, hashed and unpacked into a fresh directory, on whatever thread.

import * as fs from "node:fs";
import { type Digest, newHasher } from "../base/digest.ts";
import { AT_FDCWD, close, O_RDONLY, openat2, openDirectory, readInto } from "../kernel/files.ts";
import { type Growth, readGrowing } from "./growing.ts";
import { Inflation } from "./inflate.ts";
import { privilege } from "./privilege.ts";
import { TarReader } from "./tar/reader.ts";
import { type RootAttributes, Unpacker } from "./tar/unpack.ts";

const readBytes = 256 * 1024;

export interface UnpackJob {
  /** Compressed or not. */
  readonly file: string;
  /** Does not exist yet; stays behind half filled after a failure. */
  readonly staged: string;
}

export interface Unpacked {
  readonly diffId: Digest;
  /** Of the tar stream. */
  readonly size: number;
  readonly root: RootAttributes | undefined;
  /** Device nodes outside /dev that the kernel lets no ordinary user make. */
  readonly refusedDevices: readonly string[];
}

export async function unpackHere(job: UnpackJob, growth: Growth): Promise<Unpacked> {
  using unpacking = new Unpacking(job.staged);
  for await (const chunk of readGrowing(job.file, growth)) unpacking.push(chunk);
  return unpacking.end();
}

/** As `unpackHere` of a file that is whole, while everything else waits. */
export function unpackWaiting({ file, staged }: UnpackJob): Unpacked {
  using unpacking = new Unpacking(staged);
  const fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
  try {
    const buffer = new Uint8Array(readBytes);
    for (let at = 0, got; (got = readInto(fd, buffer, at)) > 0; at += got) unpacking.push(buffer.subarray(0, got));
  } finally {
    close(fd);
  }
  return unpacking.end();
}

class Unpacking implements Disposable {
  readonly #rootFd: number;
  readonly #unpacker: Unpacker;
  readonly #reader: TarReader;
  readonly #hasher = newHasher();
  readonly #inflation: Inflation;
  #size = 0;

  constructor(staged: string) {
    fs.mkdirSync(staged, { mode: 0o755 });
    this.#rootFd = openDirectory(staged);
    this.#unpacker = new Unpacker({ rootFd: this.#rootFd, ...privilege(), whiteouts: "overlay", isNew: true });
    this.#reader = new TarReader(this.#unpacker);
    this.#inflation = new Inflation(bytes => {
      this.#hasher.update(bytes);
      this.#size += bytes.length;
      this.#reader.push(bytes);
    });
  }

  push(chunk: Uint8Array): void {
    this.#inflation.push(chunk);
  }

  end(): Unpacked {
    this.#inflation.end();
    this.#reader.end();
    this.#unpacker.finish();
    return { diffId: this.#hasher.digest(), size: this.#size, root: this.#unpacker.root, refusedDevices: this.#unpacker.refusedDevices };
  }

  [Symbol.dispose](): void {
    this.#inflation[Symbol.dispose]();
    this.#unpacker.dispose();
    close(this.#rootFd);
  }
}
