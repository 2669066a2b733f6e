// Files and standard input, read to a bound: an inspect file or an audit log is never larger.

import * as fs from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";

const bytesMax = 16 * 1024 * 1024;

/** @throws Fault "input.too-large", "system.failed" */
export function readFile(path: string): Uint8Array {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, "r");
    return readBounded(fd);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("system.failed", `cannot read "${path}": ${reasonOf(cause)}`, { cause });
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

export function readInput(): Uint8Array {
  return readBounded(0);
}

function readBounded(fd: number): Uint8Array {
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    const part = Buffer.allocUnsafe(1024 * 1024);
    const got = fs.readSync(fd, part, 0, part.length, null);
    if (got === 0) return Buffer.concat(parts);
    total += got;
    if (total > bytesMax) throw new Fault("input.too-large", "it is larger than 16 MiB");
    parts.push(part.subarray(0, got));
  }
}
