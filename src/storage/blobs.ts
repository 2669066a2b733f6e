// Blobs: bytes by their digest, kept as they came. The directory is an OCI image layout's.
// Source: OCI image-spec image-layout.md.

import * as fs from "node:fs";
import { algorithmOf, digestOf, type Digest, type Hasher, newHasher } from "../base/digest.ts";
import { errnoOf, Fault } from "../base/fault.ts";
import { pieceGone } from "../base/garbage.ts";
import { limits } from "../base/limits.ts";
import { AT_FDCWD, beginWriteBack, close, type Copying, ftruncate, O_CREAT, O_RDONLY, O_RDWR, openat2, readAll, readInto, tryCopyFileRange, writeAll } from "../kernel/files.ts";
import { flock } from "../kernel/locks.ts";
import { blobPath, partialsPath, randomName, type StorePlace } from "./place.ts";
import type { Blobs, BlobWriter, Lease } from "./store.ts";

const readBytes = 256 * 1024;
const waitMs = 50;
/** So that the sync at the end finds little left to do. */
const writeBackBytes = 4 * 1024 * 1024;

export function openBlobs(place: StorePlace): Blobs {
  const size = (digest: Digest): number | undefined =>
    place.db.query<{ size: number }, [string]>("SELECT size FROM blobs WHERE digest = ?").get(digest)?.size;
  const path = (digest: Digest): string => blobPath(place, digest);
  const has = (digest: Digest): boolean => size(digest) !== undefined;
  const isWhole = (digest: Digest): boolean => {
    const bytes = size(digest);
    return bytes !== undefined && fs.statSync(path(digest), { throwIfNoEntry: false })?.size === bytes;
  };
  const stage = (lease?: Lease): BlobWriter => newStaged(place, lease);
  return {
    has,
    size,
    isWhole,
    path,
    read: (digest, bytesMax = limits.configBytesMax) => readBlob(path(digest), digest, bytesMax),
    stream: (digest, offset = 0) => streamFile(path(digest), { offset, digest }),
    put(bytes, lease) {
      const digest = digestOf(bytes);
      if (isWhole(digest)) {
        lease?.holdBlob(digest);
        if (isWhole(digest)) return digest;
      }
      const writer = stage(lease);
      writer.write(bytes);
      return writer.commit({ digest });
    },
    stage,
    async resume(digest, lease) {
      for (;;) {
        lease?.holdBlob(digest);
        if (isWhole(digest)) return undefined;
        const file = `${partialsPath(place)}/${digest.replace(":", "-")}`;
        const writer = newWriter(place, { file, lease, resumable: true, digest });
        if (writer !== undefined) return writer;
        await Bun.sleep(waitMs);
      }
    },
  };
}

/** What an open refused for another reason, such as too many open files, stays what it is. */
function missing(digest: Digest, cause?: unknown): unknown {
  if (cause !== undefined && !["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "")) return cause;
  return new Fault("store.damaged", `cannot read blob ${digest}: it is not in the store`, { cause, hint: "pull the image again" });
}

function readBlob(file: string, digest: Digest, bytesMax: number): Uint8Array {
  let fd: number;
  try {
    fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
  } catch (thrown) {
    throw missing(digest, thrown);
  }
  try {
    return readAll(fd, bytesMax);
  } finally {
    close(fd);
  }
}

/** The rest of a file from `offset` on, to `end` where given. Each chunk is a buffer of its own. */
export async function* streamFile(file: string, from: { offset?: number; end?: number; digest: Digest }): AsyncGenerator<Uint8Array> {
  let fd: number;
  try {
    fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
  } catch (thrown) {
    throw missing(from.digest, thrown);
  }
  try {
    for (let at = from.offset ?? 0; from.end === undefined || at < from.end; ) {
      const buffer = new Uint8Array(Math.min(readBytes, (from.end ?? Infinity) - at));
      const got = readInto(fd, buffer, at);
      if (got === 0) return;
      at += got;
      yield buffer.subarray(0, got);
      pieceGone(buffer.length);
    }
  } finally {
    close(fd);
  }
}

const stageAttemptsMax = 100;

/** A sweep of another process may take a new partial before its writer has locked it: then one of another name is made. */
function newStaged(place: StorePlace, lease: Lease | undefined): BlobWriter {
  for (let attempt = 1; attempt <= stageAttemptsMax; attempt++) {
    const writer = newWriter(place, { file: `${partialsPath(place)}/${randomName()}`, lease, resumable: false });
    if (writer !== undefined) return writer;
  }
  throw new Fault("store.busy", `cannot begin a blob in "${partialsPath(place)}": others took each of ${stageAttemptsMax} new files`, {
    hint: "try again when they are done",
  });
}

interface WriterStart {
  readonly file: string;
  readonly lease: Lease | undefined;
  readonly resumable: boolean;
  readonly digest?: Digest;
}

/** Undefined when another process is writing the same file. */
function newWriter(place: StorePlace, start: WriterStart): BlobWriter | undefined {
  const fd = openat2(AT_FDCWD, start.file, { flags: O_RDWR | O_CREAT, mode: 0o600 });
  // Whoever held the lock before may have made the file a blob or removed it: then this handle is on no partial.
  if (!flock(fd, { exclusive: true, wait: false }) || !isStillAt(fd, start.file)) {
    close(fd);
    return undefined;
  }
  const algorithm = start.digest === undefined ? "sha256" : algorithmOf(start.digest);
  let hash = new FileHash(fd, algorithm);
  let offset = start.resumable ? hash.catchUp() : 0;
  let begun = offset;
  let open = true;
  const grow = (bytes: number): number => {
    offset += bytes;
    begun = writtenBack(fd, begun, offset);
    return bytes;
  };
  const finish = (remove: boolean): void => {
    if (!open) return;
    open = false;
    if (remove) fs.rmSync(start.file, { force: true });
    close(fd);
  };
  return {
    get offset() {
      return offset;
    },
    path: start.file,
    write(chunk) {
      hash.add(chunk, offset);
      writeAll(fd, chunk, offset);
      grow(chunk.length);
    },
    copy({ fd: from, position, bytes }) {
      return grow(copyPiece({ from, to: fd, bytes, fromPosition: position, toPosition: offset }));
    },
    restart() {
      ftruncate(fd, 0);
      hash = new FileHash(fd, algorithm);
      offset = begun = 0;
    },
    commit(expected = {}) {
      const digest = expected.found ?? hash.digest(offset);
      const wanted = expected.digest ?? start.digest;
      if ((wanted !== undefined && digest !== wanted) || (expected.size !== undefined && offset !== expected.size)) {
        finish(true);
        throw mismatch({ wanted: wanted ?? digest, found: digest, size: expected.size, got: offset });
      }
      try {
        showBlob(place, { digest, size: offset, file: start.file, lease: start.lease });
      } catch (thrown) {
        finish(true);
        throw thrown;
      }
      finish(false);
      return digest;
    },
    abort: ({ drop = false } = {}) => finish(drop || !start.resumable || offset === 0),
  };
}

/** Begins to write what is new, where that is much; returns up to where it has begun. */
function writtenBack(fd: number, begun: number, end: number): number {
  if (end - begun < writeBackBytes) return begun;
  beginWriteBack(fd, { offset: begun, bytes: end - begun });
  return end;
}

/** Inside the kernel, where it does that between these two file systems. */
function copyPiece(copying: Required<Copying>): number {
  const copied = tryCopyFileRange(copying);
  if (copied >= 0) return copied;
  const { from, to, bytes, fromPosition, toPosition } = copying;
  const buffer = new Uint8Array(Math.min(bytes, readBytes));
  for (let at = 0; at < bytes; ) {
    const got = readInto(from, buffer.subarray(0, Math.min(buffer.length, bytes - at)), fromPosition + at);
    if (got === 0) return at;
    writeAll(to, buffer.subarray(0, got), toPosition + at);
    at += got;
  }
  return bytes;
}

export function mismatch(of: { wanted: Digest; found: Digest; size?: number; got: number }): Fault {
  const reason =
    of.size !== undefined && of.size !== of.got ? `it has ${of.got} bytes instead of ${of.size}` : `its digest is ${of.found}`;
  return new Fault("digest.mismatch", `cannot store blob ${of.wanted}: ${reason}`, {
    hint: "try again, and do not trust this registry if it happens again",
  });
}

function isStillAt(fd: number, file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.ino === fs.fstatSync(fd).ino;
}

/** Of a file that grows at its end; what was copied into it is hashed when it is needed. */
class FileHash {
  readonly #fd: number;
  readonly #hasher: Hasher;
  #upTo = 0;

  constructor(fd: number, algorithm: Parameters<typeof newHasher>[0]) {
    this.#fd = fd;
    this.#hasher = newHasher(algorithm);
  }

  /** @param offset where the chunk goes in the file, which has no hole before it */
  add(chunk: Uint8Array, offset: number): void {
    if (this.#upTo < offset) this.catchUp();
    this.#hasher.update(chunk);
    this.#upTo += chunk.length;
  }

  /** To the file's end as it is, which it returns. */
  catchUp(): number {
    const buffer = new Uint8Array(readBytes);
    for (let got; (got = readInto(this.#fd, buffer, this.#upTo)) > 0; this.#upTo += got) this.#hasher.update(buffer.subarray(0, got));
    return this.#upTo;
  }

  digest(size: number): Digest {
    if (this.#upTo < size) this.catchUp();
    return this.#hasher.digest();
  }
}

function showBlob(place: StorePlace, blob: { digest: Digest; size: number; file: string; lease: Lease | undefined }): void {
  place.transaction(() => {
    const target = blobPath(place, blob.digest);
    if (algorithmOf(blob.digest) !== "sha256") fs.mkdirSync(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    fs.renameSync(blob.file, target);
    place.db.query("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)").run(blob.digest, blob.size, place.boot());
    blob.lease?.holdBlob(blob.digest);
  });
}
