// Signatures of an image of the store, kept beside it until it goes somewhere.

import type { Store, StoredImage } from "../storage/store.ts";
import type { CopyOptions } from "./copy.ts";
import { rawManifest } from "./manifest.ts";

/** Adds what `sign` makes to what the image has. */
export async function signStored(store: Store, { id, manifest }: StoredImage, sign: NonNullable<CopyOptions["sign"]>): Promise<void> {
  const { digest, mediaType } = manifest;
  const made = await sign(rawManifest(store.blobs.read(digest), mediaType), () => {});
  store.images.keepSignatures(id, { digest, signatures: [...store.images.signatures(id, digest), ...made] });
}
