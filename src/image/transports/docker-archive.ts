// docker-archive: images as `docker save` writes them: plain layers, configs and one manifest.json in a tar file.
// Source: Docker image-spec v1.2, "Combined Image JSON + Filesystem Changeset Format".

import { skipping } from "../../base/skipping.ts";
import { statSync } from "node:fs";
import { digestOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { asRecord, findTexts, malformed, needText, parseJson } from "../../base/shape.ts";
import { openArchive } from "../archive.ts";
import { ArchiveWriter } from "../archive-writer.ts";
import { readConfig } from "../config.ts";
import { rawManifest } from "../manifest.ts";
import type { RawManifest } from "../manifest.ts";
import { atDockerHub, nameToGive, parseReference, referenceText, withDefaultTag } from "../reference.ts";
import type { Sink, Source } from "../source.ts";
import type { Tree } from "../tree.ts";

const subject = { what: "docker archive's manifest.json", code: "image.malformed" } as const;

/** One image of an archive. */
export interface ArchivedImage {
  readonly config: string;
  /** Whole names; [] for an image without. */
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

/** @throws Fault "image.malformed" */
export function archivedImages(tree: Tree): ArchivedImage[] {
  const list = parseJson(tree.read("manifest.json", limits.manifestBytesMax), subject, limits.manifestBytesMax);
  if (!Array.isArray(list) || list.length === 0 || list.length > limits.indexEntriesMax) throw malformed(subject, "not a list of images");
  return list.map(entry => {
    const fields = asRecord(entry, subject, "an image");
    return {
      config: needText(fields, "Config", subject),
      names: (findTexts(fields, "RepoTags", subject) ?? []).map(name => referenceText(nameToGive(name))),
      layers: findTexts(fields, "Layers", subject, limits.layersMax) ?? [],
    };
  });
}

export type DockerArchiveSource = Source & { readonly image: ArchivedImage };

/** Opens one image: by name, by "@N", or the only one where `name` is "". `tree`: opened already, and left open. */
export async function dockerArchiveSource(
  path: string,
  name: string,
  { tmpDir, tree: given }: { readonly tmpDir?: string; readonly tree?: Tree } = {},
): Promise<DockerArchiveSource> {
  const tree = given ?? (await openArchive(path, tmpDir));
  try {
    const image = chooseImage(tree, name);
    const { raw, files } = await synthesize(tree, image);
    return {
      name: `docker-archive:${path}${name === "" ? "" : `:${name}`}`,
      image,
      isSynthesized: true,
      manifest: async () => raw,
      async blob({ digest }, offset = 0) {
        const file = files.get(digest);
        if (file === undefined) throw malformed(subject, `no blob ${digest}`);
        return { stream: file.packed ? await skipTo(tree.stream(file.name), offset) : tree.stream(file.name, offset), size: file.size };
      },
      part({ digest }) {
        const file = files.get(digest);
        return file === undefined || file.packed ? undefined : tree.partOf(file.name);
      },
      close: async () => (given ? undefined : tree.close()),
    };
  } catch (thrown) {
    if (!given) tree.close();
    throw thrown;
  }
}

function chooseImage(tree: Tree, name: string): ArchivedImage {
  const images = archivedImages(tree);
  const place = /^@(\d+)$/.exec(name);
  // Short names stand for Docker's library where skopeo wrote them, for localhost where podman did.
  const wholes = place || name === "" ? [] : [referenceText(withDefaultTag(atDockerHub(parseReference(name)))), referenceText(nameToGive(name))];
  const named = (image: ArchivedImage): boolean => wholes.some(whole => image.names.includes(whole));
  const found = place ? images[Number(place[1])] : name === "" ? images[0] : images.find(named);
  if (found && !(name === "" && images.length > 1)) return found;
  const why = found ? `it holds ${images.length} images` : `it has no image ${JSON.stringify(name)}`;
  throw new Fault("image.not-found", `cannot choose an image of ${JSON.stringify(tree.path)}: ${why}`, {
    hint: `name one of: ${images.flatMap(image => image.names).join(", ") || "@0, @1, …"}`,
  });
}

interface LayerFile {
  readonly name: string;
  /** Bytes of the plain tar. */
  readonly size: number;
  readonly packed: boolean;
}

/** The manifest the archive does not have; layers go by their diff IDs, plain. */
async function synthesize(tree: Tree, image: ArchivedImage): Promise<{ raw: RawManifest; files: Map<Digest, LayerFile> }> {
  const configBytes = tree.read(image.config, limits.configBytesMax);
  const diffIds = readConfig(configBytes).rootfs.diff_ids;
  if (diffIds.length !== image.layers.length) {
    throw malformed(subject, `${image.layers.length} layers, but the config names ${diffIds.length}`);
  }
  const config = { mediaType: mediaTypes.dockerConfig, digest: digestOf(configBytes), size: configBytes.length };
  const files = new Map<Digest, LayerFile>([[config.digest, { name: image.config, size: config.size, packed: false }]]);
  const layers: Descriptor[] = [];
  for (const [position, name] of image.layers.entries()) {
    const digest = diffIds[position]!;
    const file = files.get(digest) ?? (await measure(tree, name));
    files.set(digest, file);
    layers.push({ mediaType: mediaTypes.dockerLayer, digest, size: file.size });
  }
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers };
  return { raw: rawManifest(new TextEncoder().encode(JSON.stringify(manifest)), mediaTypes.dockerManifest), files };
}

/** Most layers are plain; some tools compress them, and then only reading tells their size. */
async function measure(tree: Tree, name: string): Promise<LayerFile> {
  const size = tree.size(name);
  if (size === undefined) throw malformed(subject, `layer ${JSON.stringify(name.slice(0, 200))} is missing`);
  const { compressionOf } = await import("../../storage/inflate.ts");
  const head = await firstPiece(tree.stream(name));
  if (head === undefined || (compressionOf(head) ?? "none") === "none") return { name, size, packed: false };
  let bytes = 0;
  for await (const piece of await skipTo(tree.stream(name), 0)) bytes += piece.length;
  return { name, size: bytes, packed: true };
}

async function firstPiece(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  for await (const piece of stream) return piece;
  return undefined;
}

async function skipTo(stream: AsyncIterable<Uint8Array>, offset: number): Promise<AsyncIterable<Uint8Array>> {
  const { inflated } = await import("../inflate.ts");
  return skipping(inflated(stream), offset);
}

export interface DockerArchiveWriter {
  /** A sink for one image under these whole names; one at a time. */
  sink(names: readonly string[]): Sink;
  /** Ends the archive when `ok`; otherwise nothing of it stays at its path. */
  close(ok: boolean): Promise<void>;
}

/** What is there already is never written over: a failure on the way would have cost it. A pipe or device is no such file. */
function refuseExisting(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size === 0) return;
  throw new Fault("usage.unsupported", "docker-archive doesn't support modifying existing images", { hint: `remove ${JSON.stringify(path)} first, or name another file` });
}

/** Any number of images, one after the other, into one archive at `path` or behind an open descriptor. */
export function dockerArchiveWriter(
  path: string,
  { tmpDir, fd }: { readonly tmpDir?: string; readonly fd?: number } = {},
): DockerArchiveWriter {
  if (fd === undefined) refuseExisting(path);
  const archive = new ArchiveWriter(fd ?? path, tmpDir);
  const images: { Config: string; RepoTags: readonly string[]; Layers: string[] }[] = [];
  const nameOf = ({ digest }: Descriptor, kind: "config" | "layer") => `${hexOf(digest)}.${kind === "layer" ? "tar" : "json"}`;
  return {
    sink: names => ({
      name: `docker-archive:${path}`,
      takesIndex: false,
      anyConfig: false,
      mediaTypes: [mediaTypes.dockerManifest],
      layers: "uncompressed",
      takesOneAtATime: archive.isStream,
      has: async (blob, place) => archive.size(nameOf(blob, place.kind)) !== undefined,
      async put(blob, place, _cargo, content) {
        const name = nameOf(blob, place.kind);
        return archive.size(name) ?? archive.addBlob(name, blob, content);
      },
      async finish({ manifest }) {
        images.push({ Config: nameOf(manifest.config, "config"), RepoTags: names, Layers: manifest.layers.map(layer => nameOf(layer, "layer")) });
      },
      async finishIndex() {},
      async close() {},
    }),
    async close(ok) {
      let isWhole = false;
      try {
        if (ok) await archive.add("manifest.json", Buffer.from(JSON.stringify(images)));
        isWhole = ok;
      } finally {
        await archive.close(isWhole);
      }
    },
  };
}
