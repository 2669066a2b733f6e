// Writing the blobs of an artifact to files.
// Source: podman-artifact-extract(1).

import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { algorithmOf, newHasher } from "../../base/digest.ts";
import { errnoOf, Fault, systemFault } from "../../base/fault.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import type { Store } from "../../storage/store.ts";
import { chooseBlobs, fileNameOf } from "./artifacts.ts";
import type { Artifact, BlobChoice } from "./artifacts.ts";

/** Into the directory `target`, each by its title (by its digest where that was asked for), or one blob into a file. */
export async function extractArtifact(store: Store, artifact: Artifact, { target, choice }: { target: string; choice: BlobChoice }): Promise<void> {
  const blobs = chooseBlobs(artifact, choice);
  if (!statSync(target, { throwIfNoEntry: false })?.isDirectory()) {
    if (blobs.length > 1) {
      throw new Fault("usage.invalid",
        `the artifact consists of several blobs and the target "${target}" is not a directory and neither digest or title was specified to only copy a single blob`,
        { hint: "name a directory that exists, or choose one blob with --title" });
    }
    if (blobs[0] === undefined) throw new Fault("artifact.not-found", `cannot extract ${artifact.name}: the artifact holds no blobs`);
    return extractBlob(store, blobs[0], target);
  }
  // All names are looked at before the first byte is written.
  const files = blobs.map(blob => ({ blob, name: choice.digest ? blob.digest.replace(":", "-") : fileNameOf(blob) }));
  const twice = files.find(({ name }, index) => files.findIndex(other => other.name === name) !== index);
  if (twice) throw new Fault("input.malformed", `cannot extract ${artifact.name}: two of its blobs are called ${JSON.stringify(twice.name)}`, { hint: "choose one with --digest" });
  for (const { blob, name } of files) await extractBlob(store, blob, join(target, name));
}

async function extractBlob(store: Store, { digest }: Descriptor, path: string): Promise<void> {
  const hasher = newHasher(algorithmOf(digest));
  const isNew = statSync(path, { throwIfNoEntry: false }) === undefined;
  try {
    const fd = openSync(path, "w", 0o644);
    try {
      for await (const piece of store.blobs.stream(digest)) {
        hasher.update(piece);
        for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
      }
    } finally {
      closeSync(fd);
    }
    if (hasher.digest() !== digest) throw new Fault("store.damaged", `cannot extract blob ${digest}: what is stored has another digest`, { hint: "pull the artifact again" });
  } catch (thrown) {
    if (isNew) rmSync(path, { force: true });
    if (thrown instanceof Fault) throw thrown;
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot write ${JSON.stringify(path)}: ${(thrown as Error).message}`, thrown);
  }
}
