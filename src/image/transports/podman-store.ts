// Podman's own store, read and never written: its images with their configs as they are, their layers made again from tar-split.
// Source: containers-storage's overlay layout: overlay-images/images.json, overlay-layers/layers.json, tar-split files.

import { closeSync, createReadStream, openSync, readFileSync, readSync } from "node:fs";
import { digestOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { asRecord, findList, findText, findTexts, malformed, needText, needWhole, parseJson } from "../../base/shape.ts";
import { readConfig } from "../config.ts";
import { inflated } from "../inflate.ts";
import { rawManifest } from "../manifest.ts";
import type { Source } from "../source.ts";
import { splitEntries } from "../chunked/tar-split.ts";

const subject = { what: "podman's store", code: "image.malformed" } as const;
const listBytesMax = 256 * 1024 * 1024;
const imagesMax = 100_000;
const idPattern = /^[0-9a-f]{64}$/;

export interface PodmanImage {
  /** 64 hexadecimal digits: the config's digest. */
  readonly id: string;
  /** Whole references. */
  readonly names: readonly string[];
  readonly topLayer: string;
}

interface PodmanLayer {
  readonly parent: string | undefined;
  readonly diffId: Digest;
  /** Bytes of the tar stream. */
  readonly size: number;
}

function readList(file: string): readonly unknown[] {
  try {
    const list = parseJson(readFileSync(file), subject, listBytesMax);
    return findList({ list }, "list", subject, imagesMax);
  } catch (thrown) {
    if ((thrown as { code?: string }).code === "ENOENT") return [];
    throw thrown;
  }
}

/** Images that have a config and layers; lists and artifacts are passed over. */
export function podmanImages(root: string): PodmanImage[] {
  return readList(`${root}/overlay-images/images.json`).flatMap(entry => {
    const fields = asRecord(entry, subject, "an image");
    const [id, topLayer] = [needText(fields, "id", subject), findText(fields, "layer", subject) ?? ""];
    if (!idPattern.test(id) || !idPattern.test(topLayer)) return [];
    return [{ id, names: findTexts(fields, "names", subject) ?? [], topLayer }];
  });
}

function podmanLayers(root: string): Map<string, PodmanLayer> {
  return new Map(readList(`${root}/overlay-layers/layers.json`).flatMap(entry => {
    const fields = asRecord(entry, subject, "a layer");
    const id = needText(fields, "id", subject);
    const diffId = findText(fields, "diff-digest", subject);
    if (!idPattern.test(id) || diffId === undefined) return [];
    const parent = findText(fields, "parent", subject);
    return [[id, { parent, diffId: diffId as Digest, size: needWhole(fields, "diff-size", subject) }] as const];
  }));
}

/** The layers' IDs from the base up. */
function chainOf(layers: ReadonlyMap<string, PodmanLayer>, top: string): string[] {
  const chain: string[] = [];
  for (let id: string | undefined = top; id; id = layers.get(id)?.parent) {
    if (!layers.has(id) || chain.length > limits.layersMax) throw malformed(subject, `layer ${id} is missing or not in a line`);
    chain.unshift(id);
  }
  return chain;
}

/** Parts of a name that stay below where they begin. */
function within(directory: string, name: Buffer): Buffer {
  const parts = name.toString("latin1").split("/").filter(part => part !== "" && part !== ".");
  if (parts.includes("..")) throw malformed(subject, "a file's name leads out of its layer");
  return Buffer.from(`${Buffer.from(directory).toString("latin1")}/${parts.join("/")}`, "latin1");
}

const pieceBytes = 256 * 1024;

function* fileBytes(path: Buffer, size: number): Generator<Uint8Array> {
  const fd = openSync(path, "r");
  try {
    for (let left = size; left > 0; ) {
      const piece = new Uint8Array(Math.min(left, pieceBytes));
      const got = readSync(fd, piece);
      if (got === 0) throw malformed(subject, "a file is shorter than its layer says");
      left -= got;
      yield piece.subarray(0, got);
    }
  } finally {
    closeSync(fd);
  }
}

/** The layer's very tar stream; whoever takes it checks its digest. */
async function* layerStream(root: string, id: string): AsyncGenerator<Uint8Array> {
  const entries = splitEntries(inflated(createReadStream(`${root}/overlay-layers/${id}.tar-split.gz`)));
  for await (const entry of entries) {
    if (entry.kind === "segment") yield entry.raw;
    else if (entry.size > 0) yield* fileBytes(within(`${root}/overlay/${id}/diff`, entry.name), entry.size);
  }
}

function bigData(root: string, id: string, key: string): Uint8Array {
  const bytes = readFileSync(`${root}/overlay-images/${id}/=${Buffer.from(key).toString("base64")}`);
  if (bytes.length > limits.configBytesMax) throw new Fault("input.too-large", `cannot read "${key}" of image ${id}: more than ${limits.configBytesMax} bytes`);
  return bytes;
}

/**
 * One image of the store. Podman has thrown away the compressed layers, so the manifest is made anew, of plain ones; the config,
 * and with it the image's ID, is what it was.
 */
export function podmanStoreSource(root: string, image: PodmanImage): Source {
  const layers = podmanLayers(root);
  const chain = chainOf(layers, image.topLayer);
  const config = bigData(root, image.id, `sha256:${image.id}`);
  if (hexOf(digestOf(config)) !== image.id) throw new Fault("digest.mismatch", `cannot read image ${image.id}: its config has another digest`);
  // Empty layers may stand more than once in a config and once in the store.
  const byDiffId = new Map(chain.map(id => [layers.get(id)!.diffId, id]));
  const descriptors: Descriptor[] = readConfig(config).rootfs.diff_ids.map(digest => {
    const id = byDiffId.get(digest);
    if (id === undefined) throw malformed(subject, `image ${image.id} names a layer ${digest} that it does not have`);
    return { mediaType: mediaTypes.ociLayer, digest, size: layers.get(id)!.size };
  });
  const manifest = {
    schemaVersion: 2, mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: `sha256:${image.id}`, size: config.length }, layers: descriptors,
  };
  const raw = rawManifest(new TextEncoder().encode(JSON.stringify(manifest)), mediaTypes.ociManifest);
  return {
    name: `containers-storage:[overlay@${root}]@${image.id}`,
    isSynthesized: true,
    manifest: async () => raw,
    async blob({ digest }, offset = 0) {
      if (digest === `sha256:${image.id}`) return { stream: once(config), size: config.length };
      const id = byDiffId.get(digest);
      if (id === undefined) throw malformed(subject, `no blob ${digest}`);
      return { stream: skipped(layerStream(root, id), offset), size: layers.get(id)!.size };
    },
    close: async () => {},
  };
}

/** What was made again already is left out. */
async function* skipped(stream: AsyncIterable<Uint8Array>, offset: number): AsyncGenerator<Uint8Array> {
  let left = offset;
  for await (const piece of stream) {
    if (left < piece.length) yield piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
