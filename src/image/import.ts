// import: a tar archive of a root file system as an image of one layer.
// Source: podman-import(1).

import { hexOf, newHasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { nowNs, rfc3339Nano } from "../base/time.ts";
import type { Compression } from "../base/media-types.ts";
import { compressionOf, inflate } from "../storage/inflate.ts";
import type { BlobWriter, Lease, Store, StoredImage } from "../storage/store.ts";
import { assembleImage } from "./assemble.ts";
import type { MadeLayer } from "./assemble.ts";
import { changeDefaults } from "./instructions.ts";
import { hostPlatform, normalArchitecture } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import { nameToGive, referenceText } from "./reference.ts";

export interface ImportRequest {
  readonly store: Store;
  readonly name?: string;
  /** Instructions, as --change takes them. */
  readonly changes?: readonly string[];
  readonly message?: string;
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
  readonly onProgress?: OnProgress;
}

/** @throws Fault "usage.invalid" for a change, "layer.malformed" for an archive that is none */
export async function importImage(pieces: AsyncIterable<Uint8Array>, request: ImportRequest): Promise<StoredImage> {
  const { store, onProgress, message } = request;
  const config = changeDefaults({}, request.changes ?? []);
  const names = request.name === undefined ? [] : [referenceText(nameToGive(request.name))];
  using lease = store.lease();
  const layer = await storeLayer(store, lease, pieces);
  onProgress?.({ kind: "signatures", list: false });
  onProgress?.({ kind: "blob", state: "start", descriptor: { mediaType: "", digest: layer.blob, size: layer.size }, bytes: layer.size });
  onProgress?.({ kind: "manifest", list: false });
  const created = rfc3339Nano(nowNs(), "utc");
  const host = hostPlatform();
  const variant = request.variant ?? (request.architecture === undefined ? host.variant : undefined);
  // Awaited here: the lease ends with this function.
  return await assembleImage(store, lease, {
    format: "oci",
    names,
    layers: [layer],
    config: {
      created,
      architecture: request.architecture === undefined ? host.architecture : normalArchitecture(request.architecture),
      ...(variant ? { variant } : {}),
      os: request.os ?? host.os,
      config,
      history: [{ created, created_by: `/bin/sh -c #(nop) ADD file:${hexOf(layer.diffId)} in /`, comment: message || "imported from tarball" }],
    },
  });
}

/** The blob is kept as it comes; its content is hashed meanwhile. */
async function storeLayer(store: Store, lease: Lease, pieces: AsyncIterable<Uint8Array>): Promise<MadeLayer> {
  const writer = store.blobs.stage(lease);
  const kept = new Keeping(writer);
  const content = newHasher();
  try {
    await inflate(kept.pass(pieces), bytes => content.update(bytes));
    if (writer.offset === 0) throw new Fault("layer.malformed", "cannot import: the archive is empty");
    const size = writer.offset;
    return { diffId: content.digest(), blob: writer.commit(), size, compression: kept.compression };
  } catch (thrown) {
    writer.abort({ drop: true });
    throw thrown;
  }
}

class Keeping {
  readonly #writer: BlobWriter;
  compression: Compression = "none";

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  async *pass(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      if (this.#writer.offset === 0) this.compression = compressionOf(piece) ?? "none";
      this.#writer.write(piece);
      // Who inflates may look at a piece after the next was asked for.
      yield piece.slice();
    }
  }
}
