// Bytes that a verb reads: of standard input or of a file, piece by piece.

import { closeSync, openSync, readSync } from "node:fs";
import { errnoOf, systemFault } from "../base/fault.ts";

const pieceBytes = 1024 * 1024;
const pauseMs = 10;

/** From where the descriptor stands to its end. Each piece is valid until the next is asked for. */
export async function* piecesOf(fd: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(pieceBytes);
  for (;;) {
    let got: number;
    try {
      got = readSync(fd, buffer, 0, pieceBytes, null);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === "EAGAIN") await Bun.sleep(pauseMs);
      if (errno === "EAGAIN" || errno === "EINTR") continue;
      if (errno === "EOF") return;
      throw thrown;
    }
    if (got === 0) return;
    yield buffer.subarray(0, got);
  }
}

/** The file's bytes. @throws Fault "system.not-found" and the like, when the first piece is asked for */
export async function* piecesOfFile(path: string): AsyncGenerator<Uint8Array> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (thrown) {
    const errno = errnoOf(thrown) ?? "EIO";
    throw systemFault(errno, `open ${path}: ${errno === "ENOENT" ? "no such file or directory" : errno === "EACCES" ? "permission denied" : errno}`, thrown);
  }
  try {
    yield* piecesOf(fd);
  } finally {
    closeSync(fd);
  }
}
