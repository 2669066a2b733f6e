// Saving stored images into archives and directories, as `podman save` does.
// Source: podman-save(1).

import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { copyImage } from "./copy.ts";
import type { OnProgress } from "./progress.ts";
import { findReference, nameToGive, referenceText } from "./reference.ts";
import { getFound } from "./resolve.ts";
import type { FoundImage } from "./resolve.ts";
import type { ImageSystem } from "./system.ts";
import { storageSource } from "./transports/storage.ts";

export const saveFormats = ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] as const;
export type SaveFormat = (typeof saveFormats)[number];

export interface SaveRequest {
  readonly store: Store;
  readonly format: SaveFormat;
  /** A file for the archives, a directory for the others. */
  readonly path: string;
  /** For archives: an open descriptor to write to instead of `path`. */
  readonly fd?: number;
  /** Further names in the archive, of a single image. */
  readonly additionalNames?: readonly string[];
  readonly uncompressed?: boolean;
  /** Plain layers are packed on their way; only for docker-dir. */
  readonly compress?: boolean;
  readonly system?: ImageSystem;
  readonly onProgress?: OnProgress;
}

/** @throws Fault "image.not-found", "usage.invalid" */
export async function saveImages(names: readonly string[], request: SaveRequest): Promise<void> {
  const { store, format, system } = request;
  if (names.length === 0) throw new Fault("usage.invalid", "no image specified for saving images");
  if (names.length > 1 && format !== "docker-archive") {
    throw new Fault("usage.invalid", `unsupported format ${JSON.stringify(format)} for saving multiple images (only docker-archive)`);
  }
  const found = names.map(name => getFound(store, name, system));
  if (format === "docker-archive") await saveDockerArchive(found, request);
  else await saveOne(found[0]!, request);
}

/** "" where the image was given by ID. */
const nameIn = ({ image, name }: FoundImage): string => (image.id.startsWith(name) || name.startsWith("sha256:") ? "" : name);

async function saveOne(found: FoundImage, request: SaveRequest): Promise<void> {
  const { store, format, path, fd, uncompressed, compress, system, onProgress } = request;
  const options = {
    ...(uncompressed ? { layers: "uncompressed" as const } : {}),
    ...(system?.tmpDir === undefined ? {} : { tmpDir: system.tmpDir }),
    ...(fd === undefined ? {} : { fd }),
  };
  const sink = format === "oci-archive"
    ? (await import("./transports/oci-archive.ts")).ociArchiveSink(path, nameIn(found), options)
    : format === "oci-dir"
      ? (await import("./transports/oci.ts")).ociSink(path, nameIn(found), options)
      : (await import("./transports/dir.ts")).dirSink(path, { ...(uncompressed ? { layers: "uncompressed" } : {}), ...(compress ? { packsLayers: true } : {}) });
  await copyImage(storageSource(store, found.image, found.name), sink, {
    ...(format === "docker-dir" ? { mediaType: mediaTypes.dockerManifest } : {}),
    // OCI layouts hold packed layers unless --uncompressed lets plain ones be.
    ...(compress || (format !== "docker-dir" && !uncompressed) ? { packing: { isForced: true } } : {}),
    removeSignatures: true,
    ...(onProgress ? { onProgress } : {}),
  });
}

async function saveDockerArchive(found: readonly FoundImage[], request: SaveRequest): Promise<void> {
  const { store, path, fd, system, onProgress } = request;
  const { dockerArchiveWriter } = await import("./transports/docker-archive.ts");
  const writer = dockerArchiveWriter(path, {
    ...(system?.tmpDir === undefined ? {} : { tmpDir: system.tmpDir }),
    ...(fd === undefined ? {} : { fd }),
  });
  let ok = false;
  try {
    for (const { image, names } of byImage(found, request.additionalNames ?? [])) {
      await copyImage(storageSource(store, image), writer.sink(names), { removeSignatures: true, ...(onProgress ? { onProgress } : {}) });
    }
    ok = true;
  } finally {
    await writer.close(ok);
  }
}

/** Every image once, with all names it was asked by. */
function byImage(found: readonly FoundImage[], additional: readonly string[]): { image: StoredImage; names: string[] }[] {
  if (found.length > 1 && additional.length > 0) throw new Fault("usage.invalid", "cannot save multiple images with multiple tags");
  const extra = additional.map(name => referenceText(nameToGive(name)));
  const images = new Map<string, { image: StoredImage; names: string[] }>();
  for (const one of found) {
    const entry = images.get(one.image.id) ?? { image: one.image, names: [...extra] };
    const name = nameIn(one);
    if (findReference(name)?.tag !== undefined && !entry.names.includes(name)) entry.names.push(name);
    images.set(one.image.id, entry);
  }
  return [...images.values()];
}
