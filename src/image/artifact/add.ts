// Making an artifact of files, or adding files to one.
// Source: podman-artifact-add(1).

import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import type { Digest } from "../../base/digest.ts";
import { digestOf } from "../../base/digest.ts";
import { errnoOf, Fault, systemFault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor, Manifest } from "../../base/oci-image.ts";
import type { Lease, Store } from "../../storage/store.ts";
import { artifactReference, referenceText } from "../reference.ts";
import { getArtifact, titleAnnotation } from "./artifacts.ts";
import type { Artifact } from "./artifacts.ts";
import { mediaTypeOf, sniffedBytesMax } from "./media-type.ts";

export interface AddOptions {
  readonly annotations: Readonly<Record<string, string>>;
  /** Of a new artifact. */
  readonly artifactType?: string | undefined;
  /** Of the files; absent: by their first bytes. */
  readonly fileType?: string | undefined;
  readonly append?: boolean;
  readonly replace?: boolean;
}

const pieceBytes = 1024 * 1024;
const emptyConfig = "{}";
const createdAnnotation = "org.opencontainers.image.created";

/**
 * Keeps `files` as layers under `written`; the artifact shows only when all of them are there.
 *
 * @throws Fault "artifact.exists", "artifact.not-found" (of --append), "usage.invalid", "system.*"
 */
export function addArtifact(store: Store, { written, files, options }: { written: string; files: readonly string[]; options: AddOptions }): Digest {
  if (options.append && options.replace) throw new Fault("usage.invalid", "--append and --replace options cannot be used together");
  if (options.append && options.artifactType) throw new Fault("usage.invalid", "append option is not compatible with type option");
  const name = referenceText(artifactReference(written));
  const before = options.append ? getArtifact(store, name) : undefined;
  if (!options.append && !options.replace && store.artifacts.find(name)) throw exists(name);
  checkTitles(before, files, options.annotations);
  using lease = store.lease();
  const added = files.map(file => addFile(store, lease, { file, options }));
  const manifest: Manifest = before ? { ...appendable(before), layers: [...before.content.layers, ...added] } : newManifest(added, options);
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  if (bytes.length > limits.manifestBytesMax) throw new Fault("input.too-large", `cannot make artifact "${name}": its manifest would be larger than ${limits.manifestBytesMax} bytes`);
  const config = store.blobs.put(new TextEncoder().encode(emptyConfig), lease);
  const digest = store.blobs.put(bytes, lease);
  const blobs = [before?.content.config.digest ?? config, ...manifest.layers.map(layer => layer.digest)];
  const expected = options.replace ? "any" : before?.manifest.digest;
  store.artifacts.put({ name, manifest: { digest, mediaType: mediaTypes.ociManifest }, blobs, expected });
  return digest;
}

const exists = (name: string): Fault =>
  new Fault("artifact.exists", `${name}: artifact already exists`, { hint: "add to it with --append, or take its place with --replace" });

/** What is kept of the manifest that files are added to: all of it, with its fields in their order. */
function appendable({ content, raw }: Artifact): Manifest {
  if (raw.mediaType !== mediaTypes.ociManifest) throw new Fault("image.unsupported", "cannot add to the artifact: its manifest is not an OCI image manifest");
  return { ...(JSON.parse(new TextDecoder().decode(raw.bytes)) as Manifest), config: content.config };
}

const newManifest = (layers: readonly Descriptor[], { annotations, artifactType }: AddOptions): Manifest => ({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  ...(artifactType ? { artifactType } : {}),
  config: { mediaType: mediaTypes.ociEmpty, digest: digestOf(new TextEncoder().encode(emptyConfig)), size: emptyConfig.length, data: "e30=" },
  layers,
  annotations: { ...annotations, [createdAnnotation]: now() },
});

/** RFC 3339 with as many digits as this clock has. */
function now(): string {
  const ns = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  const fraction = String(ns % 1_000_000_000n).padStart(9, "0").replace(/0+$/, "");
  return `${new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`;
}

/** A title names a blob where it is extracted or mounted, so none may be there twice. */
function checkTitles(before: Artifact | undefined, files: readonly string[], annotations: AddOptions["annotations"]): void {
  const titles = new Set((before?.content.layers ?? []).map(layer => layer.annotations?.[titleAnnotation]));
  const own = annotations[titleAnnotation];
  for (const file of files) {
    const title = own ?? basename(file);
    if (titles.has(title)) {
      throw own === undefined
        ? new Fault("artifact.exists", `${title}: file already exists in artifact`)
        : new Fault("usage.invalid", `duplicate layers ${titleAnnotation} labels within an artifact not allowed`, { hint: "add the files one by one, each with a title of its own" });
    }
    titles.add(title);
  }
}

function addFile(store: Store, lease: Lease, { file, options }: { file: string; options: AddOptions }): Descriptor {
  const fd = opened(file);
  const writer = store.blobs.stage(lease);
  try {
    let head: Uint8Array | undefined;
    for (;;) {
      // A buffer of its own for each piece: what is hashed must not change behind the hasher's back.
      const piece = new Uint8Array(pieceBytes);
      const got = readPiece(fd, piece, file);
      if (got === 0) break;
      head ??= piece.slice(0, sniffedBytesMax);
      writer.write(piece.subarray(0, got));
    }
    const size = writer.offset;
    const digest = writer.commit();
    const mediaType = options.fileType || mediaTypeOf((head ?? new Uint8Array()).subarray(0, size));
    return { mediaType, digest, size, annotations: { [titleAnnotation]: basename(file), ...options.annotations } };
  } catch (thrown) {
    writer.abort({ drop: true });
    throw thrown;
  } finally {
    closeSync(fd);
  }
}

function opened(file: string): number {
  try {
    return openSync(file, "r");
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `open ${file}: ${reasons[errnoOf(thrown) ?? ""] ?? (thrown as Error).message}`, thrown);
  }
}

const reasons: Readonly<Record<string, string>> = { ENOENT: "no such file or directory", EACCES: "permission denied", EISDIR: "is a directory" };

function readPiece(fd: number, piece: Uint8Array, file: string): number {
  try {
    return readSync(fd, piece, 0, piece.length, null);
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `read ${file}: ${reasons[errnoOf(thrown) ?? ""] ?? (thrown as Error).message}`, thrown);
  }
}
