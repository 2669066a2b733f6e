// A directory of blobs by digest, beside the store: what lies there is not fetched again, and what comes or goes is put there.
// Source: --blob-cache of buildah-pull(1) and buildah-commit(1); the names are those of containers/image's.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { algorithmOf, newHasher, type Digest } from "../base/digest.ts";
import type { Descriptor } from "../base/oci-image.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { writeBlobFile } from "./blob-file.ts";
import type { BlobContent, Sink, Source } from "./source.ts";
import { storedManifest } from "./stored-config.ts";
import { directoryTree, type Tree } from "./tree.ts";

/** Config blobs have names of their own, since the bytes of one may be a layer's too. */
const nameOf = (digest: Digest, isConfig: boolean): string => (isConfig ? `${digest}.config` : digest);

const whole = (bytes: Uint8Array): BlobContent => ({ open: async offset => [bytes.subarray(offset)] as never, onBytes() {} });

/** A file that does not have its digest is none. */
async function holds(tree: Tree, name: string, digest: Digest): Promise<boolean> {
  if (!tree.has(name)) return false;
  const hasher = newHasher(algorithmOf(digest));
  for await (const piece of tree.stream(name, 0)) hasher.update(piece);
  return hasher.digest() === digest;
}

/** Blobs that lie in the directory are read there. */
export function readingCache(source: Source, directory: string): Source {
  const tree = directoryTree(prepared(directory));
  return {
    ...source,
    async blob(descriptor, offset = 0) {
      const found = [nameOf(descriptor.digest, false), nameOf(descriptor.digest, true)];
      for (const name of found) {
        if (await holds(tree, name, descriptor.digest)) return { stream: tree.stream(name, offset), size: tree.size(name) };
      }
      return source.blob(descriptor, offset);
    },
    async close() {
      tree.close();
      await source.close();
    },
  };
}

/** What is put into the sink is kept in the directory as it is put. */
export function keepingCache(sink: Sink, directory: string): Sink {
  const place = prepared(directory);
  const tree = directoryTree(place);
  return {
    ...sink,
    async put(blob, blobPlace, cargo, content) {
      const name = nameOf(blob.digest, blobPlace.kind === "config");
      await keep(tree, join(place, name), { blob, content });
      return sink.put(blob, blobPlace, cargo, { open: async offset => tree.stream(name, offset), onBytes: content.onBytes });
    },
    async finish(cargo, member) {
      const { bytes, digest } = cargo.raw;
      await keep(tree, join(place, digest), { blob: { mediaType: cargo.raw.mediaType, digest, size: bytes.length }, content: whole(bytes) });
      await sink.finish(cargo, member);
    },
  };
}

/** Config, layers and manifest of an image that is in the store; a layer whose archive the store has given up is left out. */
export async function keepStored(store: Store, image: StoredImage, directory: string): Promise<void> {
  const place = prepared(directory);
  const tree = directoryTree(place);
  const { config, layers } = storedManifest(store, image);
  const manifest: Descriptor = { mediaType: image.manifest.mediaType, digest: image.manifest.digest, size: store.blobs.size(image.manifest.digest) ?? 0 };
  for (const blob of [config, ...layers, manifest]) {
    if (store.blobs.size(blob.digest) === undefined) continue;
    const content: BlobContent = { open: async offset => store.blobs.stream(blob.digest, offset), onBytes() {} };
    await keep(tree, join(place, nameOf(blob.digest, blob === config)), { blob, content });
  }
}

async function keep(tree: Tree, path: string, { blob, content }: { readonly blob: Descriptor; readonly content: BlobContent }): Promise<void> {
  if (await holds(tree, path.slice(path.lastIndexOf("/") + 1), blob.digest)) return;
  await writeBlobFile(path, blob, content);
}

function prepared(directory: string): string {
  const path = resolve(directory);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}
