// Writing one blob into a file: hashed on the way, renamed into place only when the digest is right.

import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { algorithmOf, newHasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { sizeUnknown } from "./convert.ts";
import type { BlobContent } from "./source.ts";
import { fileFault } from "./tree.ts";

/** Returns its bytes. @throws Fault "digest.mismatch", "system.no-space"; nothing is left then */
export async function writeBlobFile(path: string, blob: Descriptor, content: BlobContent): Promise<number> {
  const partial = `${path}.partial-${process.pid}`;
  const hasher = newHasher(algorithmOf(blob.digest));
  let size = 0;
  try {
    const fd = openSync(partial, "w", 0o644);
    try {
      for await (const piece of await content.open(0)) {
        size += piece.length;
        if (blob.size !== sizeUnknown && size > blob.size) break;
        hasher.update(piece);
        for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
      }
    } finally {
      closeSync(fd);
    }
    if (hasher.digest() !== blob.digest || (blob.size !== sizeUnknown && size !== blob.size)) {
      throw new Fault("digest.mismatch", `cannot write blob "${blob.digest}": what came has another digest or size`, {
        hint: "the source is damaged or lies; get the image elsewhere",
      });
    }
    renameSync(partial, path);
    return size;
  } catch (thrown) {
    rmSync(partial, { force: true });
    throw fileFault(`cannot write ${JSON.stringify(path)}`, thrown);
  }
}
