// Images: which config, manifest and layers belong together, and by which names they are known.

import type { Database } from "bun:sqlite";
import { hexOf, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { fromStored } from "../base/stored.ts";
import { limits } from "../base/limits.ts";
import { deleteImageRows } from "./collect.ts";
import type { StorePlace } from "./place.ts";
import type { Blobs, Collected, Images, ManifestSignatures, PutImage, PutList, StoredImage, StoredManifest } from "./store.ts";
import { syncRows } from "./sync.ts";

interface ImageRow {
  id: string;
  config: Digest;
  manifest: Digest;
  media_type: string;
  created: string;
  added_at: number;
  size: number;
  layers: string;
  history: string;
}

export interface ImagesNeeds {
  readonly blobs: Blobs;
  collect(): Collected;
}

const prefixMatchesMax = 16;

export function openImages(place: StorePlace, { blobs, collect }: ImagesNeeds): Images {
  const { db } = place;
  const rows = (rest: string, ...keys: string[]): StoredImage[] =>
    db.query<ImageRow, string[]>(`SELECT * FROM images ${rest}`).all(...keys).map(row => imageOf(db, row));
  const get = (id: string): StoredImage | undefined => rows("WHERE id = ?", id)[0];
  return {
    list: () => listAll(place),
    get,
    findByPrefix: prefix =>
      /^[0-9a-f]{1,64}$/.test(prefix) ? rows(`WHERE id >= ? AND id < ? LIMIT ${prefixMatchesMax}`, prefix, `${prefix}g`) : [],
    findByName: name => rows("WHERE id = (SELECT image FROM names WHERE name = ?)", name)[0],
    findByDigest: digest => rows("WHERE id IN (SELECT image FROM image_manifests WHERE digest = ?) ORDER BY seq", digest),
    put: image => put(place, image),
    putList: list => putList(place, list, blobs),
    tag: (id, name) => place.transaction(() => setNames(db, id, [name])),
    untag: (id, name) =>
      place.transaction(() => db.query("DELETE FROM names WHERE name = ? AND image = ?").run(name, id).changes > 0),
    remove(id) {
      const image = place.transaction(() => {
        const found = get(id);
        if (found !== undefined) deleteImageRows(place, id);
        return found;
      });
      return image && { image, collected: collect() };
    },
    signatures: (id, digest) => db
      .query<{ bytes: Uint8Array }, [string, string]>("SELECT bytes FROM image_signatures WHERE image = ? AND digest = ? ORDER BY number")
      .all(id, digest).map(({ bytes }) => bytes),
    keepSignatures: (id, kept) => place.transaction(() => keepSignatures(db, id, kept)),
    manifest: image => blobs.read(image.manifest.digest, limits.manifestBytesMax),
    configBytes: image => blobs.read(image.config, limits.configBytesMax),
    children: id => {
      const image = get(id);
      return image === undefined ? [] : listAll(place).filter(other => other.id !== id && continues(other, image));
    },
    parent: id => {
      const image = get(id);
      if (image === undefined) return undefined;
      const below = listAll(place).filter(other => other.id !== id && continues(image, other));
      return below.sort((one, two) => two.layers.length - one.layers.length)[0];
    },
  };
}

function keepSignatures(db: Database, id: string, { digest, signatures }: ManifestSignatures): void {
  db.query("DELETE FROM image_signatures WHERE image = ? AND digest = ?").run(id, digest);
  for (const [number, bytes] of signatures.entries()) {
    db.query("INSERT INTO image_signatures VALUES (?, ?, ?, ?)").run(id, digest, number, bytes);
  }
}

/** Whether `upper` has all layers of `lower` and more. */
const continues = (upper: StoredImage, lower: StoredImage): boolean =>
  lower.layers.length > 0 &&
  upper.layers.length > lower.layers.length &&
  upper.layers[lower.layers.length - 1] === lower.layers.at(-1);

function imageOf(db: Database, row: ImageRow): StoredImage {
  const names = db.query<{ name: string }, [string]>("SELECT name FROM names WHERE image = ? ORDER BY seq DESC").all(row.id);
  return assemble(row, names.map(({ name }) => name), manifestsOf(db, row.id));
}

const manifestsOf = (db: Database, id: string): StoredManifest[] =>
  db.query<StoredManifest, [string]>("SELECT digest, media_type AS mediaType FROM image_manifests WHERE image = ?").all(id);

function assemble(row: ImageRow, names: readonly string[], manifests: readonly StoredManifest[]): StoredImage {
  return {
    id: row.id,
    names,
    namesHistory: fromStored<string[]>(row.history, `image ${row.id}`, "list"),
    config: row.config,
    manifest: { digest: row.manifest, mediaType: row.media_type },
    manifests,
    created: row.created,
    addedAt: row.added_at,
    layers: fromStored<Digest[]>(row.layers, `image ${row.id}`, "list"),
    size: row.size,
  };
}

const manyMin = 64;

/** Three queries, however many images. */
function listAll({ db, grows }: Pick<StorePlace, "db" | "grows">): StoredImage[] {
  const names = new Map<string, string[]>();
  for (const { image, name } of db.query<{ image: string; name: string }, []>("SELECT image, name FROM names ORDER BY seq DESC").all()) {
    (names.get(image) ?? names.set(image, []).get(image)!).push(name);
  }
  const manifests = new Map<string, StoredManifest[]>();
  const all = db.query<StoredManifest & { image: string }, []>("SELECT image, digest, media_type AS mediaType FROM image_manifests").all();
  for (const { image, digest, mediaType } of all) {
    (manifests.get(image) ?? manifests.set(image, []).get(image)!).push({ digest, mediaType });
  }
  const rows = db.query<ImageRow, []>("SELECT * FROM images ORDER BY seq").all();
  if (rows.length > manyMin) grows();
  return rows.map(row => assemble(row, names.get(row.id) ?? [], manifests.get(row.id) ?? []));
}

function put(place: StorePlace, image: PutImage): StoredImage {
  if (!image.unsynced) {
    place.lasting();
    const indexes = (image.indexes ?? []).map(({ digest }) => digest);
    syncRows(place, { layers: image.layers, blobs: [image.config, image.manifest.digest, ...indexes, ...image.blobs] });
  }
  return place.transaction(() => {
    const { db } = place;
    const id = hexOf(image.config);
    const blobs = new Set([image.config, image.manifest.digest, ...(image.indexes ?? []).map(({ digest }) => digest), ...image.blobs]);
    needRows(db, image.layers, "layers WHERE chain = ?");
    needRows(db, blobs, "blobs WHERE digest = ?");
    db.query(`INSERT INTO images (id, config, manifest, media_type, created, added_at, size, layers, history)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]')
      ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, media_type = excluded.media_type, size = excluded.size`)
      .run(
        id, image.config, image.manifest.digest, image.manifest.mediaType, image.created ?? "", Date.now(),
        sizeOf(db, image), JSON.stringify(image.layers),
      );
    for (const { digest, mediaType } of [image.manifest, ...(image.indexes ?? [])]) {
      db.query("INSERT OR IGNORE INTO image_manifests VALUES (?, ?, ?)").run(id, digest, mediaType);
    }
    for (const digest of blobs) db.query("INSERT OR IGNORE INTO image_blobs VALUES (?, ?)").run(id, digest);
    for (const chain of new Set(image.layers)) db.query("INSERT OR IGNORE INTO image_layers VALUES (?, ?)").run(id, chain);
    setNames(db, id, image.names ?? []);
    const row = db.query<ImageRow, [string]>("SELECT * FROM images WHERE id = ?").get(id)!;
    return imageOf(db, row);
  });
}

/** What a list has in place of an image's config. */
const listConfig = '{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}';

function putList(place: StorePlace, { id, manifest, names, blobs: more }: PutList, blobs: Blobs): StoredImage {
  place.lasting();
  const config = blobs.put(new TextEncoder().encode(listConfig));
  return place.transaction(() => {
    const { db } = place;
    needRows(db, [config, manifest.digest, ...more], "blobs WHERE digest = ?");
    const size = blobs.size(manifest.digest) ?? 0;
    const old = db.query<{ manifest: string }, [string]>("SELECT manifest FROM images WHERE id = ?").get(id)?.manifest;
    db.query(`INSERT INTO images (id, config, manifest, media_type, created, added_at, size, layers, history)
      VALUES (?, ?, ?, ?, ?, ?, ?, '[]', '[]')
      ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, media_type = excluded.media_type, size = excluded.size`)
      .run(id, config, manifest.digest, manifest.mediaType, new Date().toISOString(), Date.now(), size);
    db.query("DELETE FROM image_manifests WHERE image = ?").run(id);
    db.query("INSERT INTO image_manifests VALUES (?, ?, ?)").run(id, manifest.digest, manifest.mediaType);
    if (old !== undefined) db.query("DELETE FROM image_blobs WHERE image = ? AND digest = ?").run(id, old);
    for (const digest of [config, manifest.digest, ...more]) db.query("INSERT OR IGNORE INTO image_blobs VALUES (?, ?)").run(id, digest);
    setNames(db, id, names);
    return imageOf(db, db.query<ImageRow, [string]>("SELECT * FROM images WHERE id = ?").get(id)!);
  });
}

function needRows(db: Database, keys: Iterable<string>, where: string): void {
  for (const key of keys) {
    if (db.query(`SELECT 1 FROM ${where}`).get(key) !== null) continue;
    throw new Fault("store.damaged", `cannot add the image: ${key} is not in the store`, { hint: "pull the image again" });
  }
}

function sizeOf(db: Database, image: PutImage): number {
  let size = 0;
  for (const chain of image.layers) {
    size += db.query<{ size: number }, [string]>("SELECT size FROM layers WHERE chain = ?").get(chain)?.size ?? 0;
  }
  for (const digest of [image.config, image.manifest.digest]) {
    size += db.query<{ size: number }, [string]>("SELECT size FROM blobs WHERE digest = ?").get(digest)?.size ?? 0;
  }
  return size;
}

/** Gives the image these names too, taken from whoever has them; later ones count as newer. */
function setNames(db: Database, id: string, names: readonly string[]): void {
  const found = db.query<{ history: string }, [string]>("SELECT history FROM images WHERE id = ?").get(id);
  if (found === null) throw new Fault("image.not-found", `cannot name the image ${id}: image not known`);
  let history = fromStored<string[]>(found.history, `image ${id}`, "list");
  for (const name of names) {
    const holder = db.query<{ image: string }, [string]>("SELECT image FROM names WHERE name = ?").get(name)?.image;
    if (holder === id) continue;
    db.query("INSERT OR REPLACE INTO names VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM names))").run(name, id);
    history = [name, ...history.filter(old => old !== name)];
  }
  db.query("UPDATE images SET history = ? WHERE id = ?").run(JSON.stringify(history), id);
}
