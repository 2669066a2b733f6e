// Additional image stores: stores of ours elsewhere, of which images are used where they lie and never written to.
// Source: containers-storage.conf(5), "additionalimagestores".

import { constants, Database } from "bun:sqlite";
import * as fs from "node:fs";
import { Fault, reasonOf } from "../base/fault.ts";
import { borrowTree } from "./borrowed.ts";
import { openBlobs } from "./blobs.ts";
import { openImages } from "./images.ts";
import type { Digest } from "../base/digest.ts";
import { shownTree } from "./erofs/views.ts";
import { openLayers } from "./layers.ts";
import type { StorePlace } from "./place.ts";
import type { Blobs, Images, Layers, StoredImage, StoredLayer } from "./store.ts";

interface Readable {
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly images: Images;
}

const never = (): never => {
  throw new Error("an additional image store was to be written to");
};

/** Undefined where there is no store of ours, which may be made later. */
function openReadable(root: string, own: StorePlace): Readable | undefined {
  if (!fs.existsSync(`${root}/coracle.db`)) return undefined;
  const db = openDatabase(`${root}/coracle.db`);
  const ending = { passing: never, lasting: never, grows: () => {}, flush: never, close: () => db.close() };
  const place = { root, runroot: own.runroot, db, transaction: never, migrate: never, ...ending, boot: () => "" } as unknown as StorePlace;
  const blobs = openBlobs(place);
  const layers = openLayers(place, { blobs, lease: never });
  // What is missing there is not ours to mend.
  const treeOf = (layer: StoredLayer): string => {
    try {
      return shownTree(place, layer) ?? layers.diffPath(layer.chainId);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code === "store.damaged") throw thrown;
      return borrowTree(own, blobs, layer);
    }
  };
  const trees = (top: Digest): string[] => layers.chain(top).map(treeOf);
  return { blobs, layers: { ...layers, trees }, images: openImages(place, { blobs, collect: never }) };
}

/** On a file system that is itself read-only the database can have no journal beside it, and nobody writes to it either. */
function openDatabase(file: string): Database {
  try {
    const db = new Database(file, { readonly: true });
    db.query("SELECT 1 FROM images LIMIT 1").get();
    return db;
  } catch (first) {
    try {
      const db = new Database(`file:${encodeURI(file)}?immutable=1`, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
      db.query("SELECT 1 FROM images LIMIT 1").get();
      return db;
    } catch {
      throw new Fault("store.damaged", `cannot read the additional image store "${file.replace(/\/coracle\.db$/, "")}": ${reasonOf(first)}`, {
        cause: first, hint: "leave it out of storage.conf, or of --storage-opt",
      });
    }
  }
}

const readOnly = (image: StoredImage): StoredImage => ({ ...image, isReadOnly: true });

/** The parts of a store with those of `roots` behind them: what is here comes first, and only that is changed. */
export function withAdditional(own: Readable, { roots, place }: { readonly roots: readonly string[]; readonly place: StorePlace }): Readable {
  const more = roots.flatMap(root => openReadable(root, place) ?? []);
  if (more.length === 0) return own;
  const all = [own, ...more];
  const first = <T>(find: (store: Readable) => T | undefined): T | undefined => {
    for (const store of all) {
      const found = find(store);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const holderOfBlob = (digest: Parameters<Blobs["has"]>[0]): Blobs => (all.find(({ blobs }) => blobs.has(digest)) ?? own).blobs;
  const holderOfLayer = (chainId: Parameters<Layers["has"]>[0]): Layers => (all.find(({ layers }) => layers.find(chainId) !== undefined) ?? own).layers;
  const one = (find: (images: Images) => StoredImage | undefined): StoredImage | undefined =>
    find(own.images) ?? more.flatMap(({ images }) => find(images) ?? []).map(readOnly)[0];
  const several = (find: (images: Images) => StoredImage[]): StoredImage[] => [...find(own.images), ...more.flatMap(({ images }) => find(images)).map(readOnly)];
  const distinct = (images: StoredImage[]): StoredImage[] => images.filter(({ id }, index) => images.findIndex(other => other.id === id) === index);
  return {
    blobs: {
      ...own.blobs,
      size: digest => first(({ blobs }) => blobs.size(digest)),
      path: digest => holderOfBlob(digest).path(digest),
      read: (digest, bytesMax) => holderOfBlob(digest).read(digest, bytesMax),
      stream: (digest, offset) => holderOfBlob(digest).stream(digest, offset),
    },
    layers: {
      ...own.layers,
      find: chainId => first(({ layers }) => layers.find(chainId)),
      // To build on a layer that lies elsewhere it is made here too, of the archive there.
      apply: layer => {
        const { digest } = layer.source;
        const holder = own.blobs.has(digest) ? undefined : more.find(({ blobs }) => blobs.has(digest));
        if (holder === undefined || layer.source.open) return own.layers.apply(layer);
        return own.layers.apply({ ...layer, source: { ...layer.source, open: async offset => holder.blobs.stream(digest, offset) } });
      },
      has: chainId => first(({ layers }) => layers.find(chainId)) !== undefined,
      diffPath: chainId => holderOfLayer(chainId).diffPath(chainId),
      chain: top => holderOfLayer(top).chain(top),
      trees: top => holderOfLayer(top).trees(top),
    },
    images: {
      ...own.images,
      list: () => several(images => images.list()),
      get: id => one(images => images.get(id)),
      findByName: name => one(images => images.findByName(name)),
      findByPrefix: prefix => distinct(several(images => images.findByPrefix(prefix))),
      findByDigest: digest => distinct(several(images => images.findByDigest(digest))),
      manifest: image => (all.find(({ images }) => images.get(image.id)) ?? own).images.manifest(image),
      configBytes: image => (all.find(({ blobs }) => blobs.has(image.config)) ?? own).images.configBytes(image),
    },
  };
}
