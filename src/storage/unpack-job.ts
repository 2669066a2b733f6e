// One unpacking: a growing blob file, inflated, hashed and unpacked into a fresh directory, on whatever thread.

import * as fs from "node:fs";
import { type Digest, newHasher } from "../base/digest.ts";
import { close, openDirectory } from "../kernel/files.ts";
import { type Growth, readGrowing } from "./growing.ts";
import { inflate } from "./inflate.ts";
import { privilege } from "./privilege.ts";
import { TarReader } from "./tar/reader.ts";
import { type RootAttributes, Unpacker } from "./tar/unpack.ts";

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

export async function unpackHere({ file, staged }: UnpackJob, growth: Growth): Promise<Unpacked> {
  fs.mkdirSync(staged, { mode: 0o755 });
  const rootFd = openDirectory(staged);
  const unpacker = new Unpacker({ rootFd, ...privilege(), whiteouts: "overlay" });
  try {
    const reader = new TarReader(unpacker);
    const hasher = newHasher();
    let size = 0;
    await inflate(readGrowing(file, growth), bytes => {
      hasher.update(bytes);
      size += bytes.length;
      reader.push(bytes);
    });
    reader.end();
    unpacker.finish();
    return { diffId: hasher.digest(), size, root: unpacker.root, refusedDevices: unpacker.refusedDevices };
  } finally {
    unpacker.dispose();
    close(rootFd);
  }
}
