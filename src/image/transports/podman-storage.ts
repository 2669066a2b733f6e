// containers-storage: of a real Podman, read and never written: layers are put together again from their trees and tar-split data.
// Source: containers/storage: DRIVER-images/images.json, DRIVER-layers/layers.json, ID.tar-split.gz, big data file names.

import { skipping } from "../../base/skipping.ts";
import { closeSync, createReadStream, existsSync, lstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { digestOf, isDigest } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { asRecord, findText, findTexts, malformed, needText, needWhole, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import { splitEntries } from "../chunked/tar-split.ts";
import { inflated } from "../inflate.ts";
import { needImageConfig, rawManifest, readManifest } from "../manifest.ts";
import { atDockerHub, findReference, referenceText, withDefaultTag } from "../reference.ts";
import type { Source } from "../source.ts";

const subject: Subject = { what: "Podman's store", code: "store.damaged" };
const listBytesMax = 64 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** Where each driver keeps a layer's tree; vfs has all of the layers below in it too. */
const trees = { overlay: (id: string) => `overlay/${id}/diff`, vfs: (id: string) => `vfs/dir/${id}` } as const;
type Driver = keyof typeof trees;

const imagesOf = (root: string, driver: Driver): string => join(root, `${driver}-images`, "images.json");
const driverOf = (root: string): Driver => (existsSync(imagesOf(root, "overlay")) ? "overlay" : "vfs");
const imagesFile = (root: string): string => imagesOf(root, driverOf(root));

/** Whether a directory is a store of containers/storage and not of ours. */
export const isPodmanStorage = (root: string): boolean => existsSync(imagesFile(root)) && !existsSync(join(root, "coracle.db"));

/** Its images of one manifest, by ID (the config's digest) and whole names; lists and artifacts are passed over. */
export function podmanStorageImages(root: string): { readonly id: string; readonly names: readonly string[] }[] {
  return readList(imagesFile(root)).flatMap(image => {
    const id = needText(image, "id", subject);
    const isWhole = /^[0-9a-f]{64}$/.test(id) && findText(image, "layer", subject) !== undefined;
    return isWhole ? [{ id, names: findTexts(image, "names", subject) ?? [] }] : [];
  });
}

interface Layer {
  readonly id: string;
  readonly diffId: Digest;
  /** Bytes of the plain tar. */
  readonly size: number;
}

/** @throws Fault "image.not-found", "store.damaged" */
export function podmanStorageSource(root: string, text: string): Source {
  const image = findImage(root, text);
  const id = needText(image, "id", subject);
  const readData = (name: string, bytesMax: number): Uint8Array => readBounded(join(root, `${driverOf(root)}-images`, id, dataFile(name)), bytesMax);
  const stored = readManifest(rawManifest(readData("manifest", limits.manifestBytesMax)));
  if (stored.kind === "index") throw new Fault("image.unsupported", `cannot read image "${text}": the store holds an index without its image`);
  needImageConfig(stored.manifest);
  const { config } = stored.manifest;
  const configBytes = readData(config.digest, limits.configBytesMax);
  if (digestOf(configBytes) !== config.digest) throw malformed(subject, `the config of ${id} has another digest`);
  const layers = layersOf(root, findText(image, "layer", subject));
  const layerType = stored.raw.mediaType === mediaTypes.dockerManifest ? mediaTypes.dockerLayer : mediaTypes.ociLayer;
  const descriptors: Descriptor[] = layers.map(({ diffId, size }) => ({ mediaType: layerType, digest: diffId, size }));
  const manifest = { schemaVersion: 2, mediaType: stored.raw.mediaType, config, layers: descriptors };
  const raw = rawManifest(new TextEncoder().encode(JSON.stringify(manifest)), stored.raw.mediaType);
  const reference = findReference(findTexts(image, "names", subject)?.[0] ?? "");
  return {
    name: `containers-storage:[${driverOf(root)}@${root}]${text}`,
    ...(reference === undefined ? {} : { reference }),
    isSynthesized: true,
    manifest: async () => raw,
    async blob({ digest, size }, offset = 0) {
      if (digest === config.digest) return { stream: once(configBytes.subarray(offset)), size };
      const layer = layers.find(one => one.diffId === digest);
      if (!layer) throw malformed(subject, `it has no layer ${digest}`);
      return { stream: skipping(layerTar(root, layer), offset), size };
    },
    async close() {},
  };
}

function readBounded(file: string, bytesMax: number): Uint8Array {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size > bytesMax) throw malformed(subject, `${file} is missing or too large`);
  return readFileSync(file);
}

/** Names that are no plain file names are kept in base64. */
const dataFile = (name: string): string => (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) ? name : `=${Buffer.from(name).toString("base64")}`);

function readList(file: string): Fields[] {
  if (!existsSync(file)) return [];
  const list = parseJson(readBounded(file, listBytesMax), subject, listBytesMax);
  if (!Array.isArray(list)) throw malformed(subject, `${file} is not a list`);
  return list.map(entry => asRecord(entry, subject, "an entry"));
}

/** By name, else by the only ID that begins so. */
function findImage(root: string, text: string): Fields {
  const images = readList(imagesFile(root));
  const reference = findReference(text);
  const names = reference === undefined ? [] : [text, referenceText(withDefaultTag(atDockerHub(reference))), `localhost/${text}`, `localhost/${text}:latest`];
  const named = images.find(image => (findTexts(image, "names", subject) ?? []).some(name => names.includes(name)));
  const byId = /^[0-9a-f]{4,64}$/.test(text) ? images.filter(image => needText(image, "id", subject).startsWith(text)) : [];
  const found = named ?? (byId.length === 1 ? byId[0] : undefined);
  if (found) return found;
  throw new Fault("image.not-found", `reference "[${driverOf(root)}@${root}]${text}" does not resolve to an image ID`);
}

/** From the base up. */
function layersOf(root: string, top: string | undefined): Layer[] {
  const lists = ["layers.json", "volatile-layers.json"].flatMap(name => readList(join(root, `${driverOf(root)}-layers`, name)));
  const byId = new Map(lists.map(layer => [needText(layer, "id", subject), layer]));
  const layers: Layer[] = [];
  for (let id = top; id !== undefined;) {
    const layer = byId.get(id);
    if (!layer || !/^[0-9a-f]{64}$/.test(id)) throw malformed(subject, `layer ${JSON.stringify(id)} is missing`);
    if (layers.length >= limits.layersMax) throw malformed(subject, "a chain of layers has no end");
    const diffId = findText(layer, "diff-digest", subject);
    if (!isDigest(diffId)) throw malformed(subject, `layer ${id} has no digest`);
    layers.unshift({ id, diffId, size: needWhole(layer, "diff-size", subject) });
    id = findText(layer, "parent", subject);
  }
  return layers;
}

async function* layerTar(root: string, { id }: Layer): AsyncIterable<Uint8Array> {
  const driver = driverOf(root);
  const tree = realpathSync(join(root, trees[driver](id)));
  const packed = createReadStream(join(root, `${driver}-layers`, `${id}.tar-split.gz`), { highWaterMark: pieceBytes });
  for await (const entry of splitEntries(inflated(packed))) {
    if (entry.kind === "segment") yield entry.raw;
    else if (entry.size > 0) yield* fileBytes(tree, entry.name, entry.size);
  }
}

/** A file of the tree, reached through real directories of it alone. */
function* fileBytes(tree: string, name: Buffer, size: number): Iterable<Uint8Array> {
  const path = Buffer.concat([Buffer.from(`${tree}/`), name]);
  const slash = path.lastIndexOf(0x2f);
  const parent = realpathSync(path.subarray(0, slash), { encoding: "buffer" }).toString("latin1");
  const own = Buffer.from(tree).toString("latin1");
  const isInside = parent === own || parent.startsWith(`${own}/`);
  const stat = isInside ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  if (!stat?.isFile() || stat.size !== size) throw malformed(subject, `file ${JSON.stringify(name.toString().slice(0, 200))} is not what its layer held`);
  const fd = openSync(path, "r");
  try {
    for (let at = 0; at < size;) {
      const piece = new Uint8Array(Math.min(pieceBytes, size - at));
      const count = readSync(fd, piece, 0, piece.length, at);
      if (count === 0) throw malformed(subject, "a file became shorter");
      at += count;
      yield piece.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
