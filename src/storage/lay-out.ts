// A blob's plain bytes written into a part of an open file and hashed on the way, on whatever thread.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { newHasher, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { Inflation } from "./inflate.ts";

const readBytes = 256 * 1024;

export interface LayOutJob {
  readonly file: string;
  /** To be inflated. */
  readonly isPacked: boolean;
  /** Stays open until the job has ended; all threads share it. */
  readonly fd: number;
  readonly at: number;
  /** Of the part: not one byte more is written. */
  readonly bytesMax: number;
  readonly algorithm: string;
}

export interface LaidOut {
  readonly digest: Digest;
  readonly size: number;
}

/** @throws Fault "digest.mismatch" where there is more than fits, "layer.malformed" */
export function layOutHere({ file, isPacked, fd, at, bytesMax, algorithm }: LayOutJob): LaidOut {
  const hasher = newHasher(algorithm);
  let size = 0;
  const put = (bytes: Uint8Array): void => {
    if (size + bytes.length > bytesMax) {
      throw new Fault("digest.mismatch", `cannot use ${JSON.stringify(file)}: it has more than the ${bytesMax} bytes that it should`, { hint: "the source is damaged or lies; get the image elsewhere" });
    }
    hasher.update(bytes);
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + size + done);
    size += bytes.length;
  };
  using inflation = new Inflation(put);
  const take = (bytes: Uint8Array): void => (isPacked ? inflation.push(bytes) : put(bytes));
  const source = openSync(file, "r");
  try {
    const buffer = new Uint8Array(readBytes);
    for (let got, from = 0; (got = readSync(source, buffer, 0, readBytes, from)) > 0; from += got) take(buffer.subarray(0, got));
    inflation.end();
  } finally {
    closeSync(source);
  }
  return { digest: hasher.digest(), size };
}
