// Artifacts of our own store, as a source and a sink of the copy engine: blobs as they come, the row last.

import type { Store, StoredArtifact } from "../../storage/store.ts";
import { rawManifest } from "../manifest.ts";
import type { Reference } from "../reference.ts";
import { referenceText } from "../reference.ts";
import type { Sink, Source } from "../source.ts";
import { keepBlob, storedBlob } from "./storage.ts";

export function artifactSource(store: Store, artifact: StoredArtifact): Source {
  return {
    name: `artifact ${artifact.name}`,
    manifest: async () => rawManifest(store.blobs.read(artifact.manifest.digest), artifact.manifest.mediaType),
    blob: async ({ digest }, offset = 0) => storedBlob(store, digest, offset),
    async close() {},
  };
}

/** Takes the place of what the name has led to before. */
export function artifactSink(store: Store, reference: Reference): Sink {
  const lease = store.lease();
  const name = referenceText(reference);
  return {
    name: `artifact ${name}`,
    takesIndex: false,
    anyConfig: true,
    async has({ digest }) {
      lease.holdBlob(digest);
      return store.blobs.isWhole(digest);
    },
    async put(blob, _place, _cargo, content) {
      await keepBlob(store, lease, { blob, content });
      return store.blobs.size(blob.digest) ?? blob.size;
    },
    async finish({ raw, manifest }) {
      store.blobs.put(raw.bytes, lease);
      const blobs = [manifest.config, ...manifest.layers].map(({ digest }) => digest);
      store.artifacts.put({ name, manifest: { digest: raw.digest, mediaType: raw.mediaType }, blobs, expected: "any" });
    },
    async finishIndex() {},
    async close(ok) {
      lease.release({ keep: !ok });
    },
  };
}
