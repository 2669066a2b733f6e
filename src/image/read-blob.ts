// One small blob of a source, such as an image's config.

import { lstatSync } from "node:fs";
import { newHasher } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import type { Descriptor } from "../base/oci-image.ts";
import type { Source } from "./source.ts";

export const mismatch = (digest: Digest, what: string): Fault =>
  new Fault("digest.mismatch", `cannot read ${what} "${digest}": its bytes have another digest`, {
    hint: "try again, or ask the registry's owner",
  });

/** `path`, where a regular file of the blob's size is there; links are not followed. */
export function blobFile(path: string | undefined, { size }: Descriptor): string | undefined {
  const stat = path === undefined ? undefined : lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() && stat.size === size ? path : undefined;
}

/** A small blob, whole and verified. */
export async function readBlob(source: Source, descriptor: Descriptor, bytesMax: number = limits.configBytesMax): Promise<Uint8Array> {
  if (descriptor.size > bytesMax) {
    throw new Fault("image.malformed", `cannot read blob "${descriptor.digest}": larger than ${bytesMax} bytes`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  const hasher = newHasher(descriptor.digest.slice(0, descriptor.digest.indexOf(":")));
  for await (const part of (await source.blob(descriptor)).stream) {
    size += part.length;
    if (size > descriptor.size) throw mismatch(descriptor.digest, "blob");
    hasher.update(part);
    parts.push(part.slice());
  }
  if (size !== descriptor.size || hasher.digest() !== descriptor.digest) throw mismatch(descriptor.digest, "blob");
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
