// Manifest lists of the store: made by hand, entry by entry, of images that are here or elsewhere.
// Source: podman-manifest(1); OCI image-spec image-index.md.

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { isIndexMediaType, mediaTypes } from "../base/media-types.ts";
import type { Descriptor, Index, Platform } from "../base/oci-image.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { rawManifest, readManifest } from "./manifest.ts";
import { nameToGive, referenceText } from "./reference.ts";
import { getFound, lookupAny } from "./resolve.ts";
import type { ImageSystem } from "./system.ts";

export interface ManifestList {
  readonly id: string;
  readonly names: readonly string[];
  readonly index: Index;
  /** Where members are read from that are not in the store, by digest: a transport's name. */
  readonly sources: ReadonlyMap<Digest, string>;
}

const schema = `CREATE TABLE list_sources (list TEXT NOT NULL, digest TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (list, digest)) WITHOUT ROWID;`;

const tables = (store: Store): Store["db"] => {
  store.migrate("manifest-lists", 1, schema);
  return store.db;
};

export const isList = (image: StoredImage): boolean => isIndexMediaType(image.manifest.mediaType);

const emptyIndex: Index = { schemaVersion: 2, manifests: [] };

/** Docker's type while it is empty, as podman has it; OCI's can say all. */
function indexBytes(index: Index): { bytes: Uint8Array; mediaType: string } {
  const isPlain = index.manifests.length === 0 && index.annotations === undefined && index.subject === undefined && index.artifactType === undefined;
  const mediaType = isPlain ? mediaTypes.dockerList : mediaTypes.ociIndex;
  const { artifactType, subject, annotations } = index;
  const value = {
    schemaVersion: 2, mediaType, ...(artifactType ? { artifactType } : {}), manifests: index.manifests,
    ...(subject ? { subject } : {}), ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  return { bytes: new TextEncoder().encode(JSON.stringify(value)), mediaType };
}

/** @throws Fault "image.in-use" where an image has a name already */
export function createList(store: Store, name: string): ManifestList {
  const whole = referenceText(nameToGive(name));
  const holder = store.images.findByName(whole);
  if (holder) {
    throw new Fault("usage.invalid", `creating image to hold manifest list: image name ${JSON.stringify(whole)} is already associated with image ${JSON.stringify(holder.id)}: that name is already in use`, {
      hint: "use --amend to go on with it",
    });
  }
  const id = crypto.getRandomValues(new Uint8Array(32)).toHex();
  return write(store, { id, names: [whole], index: emptyIndex, sources: new Map() });
}

/** Writes it anew under its ID. @param blobs of artifacts, which stay with the list */
export function write(store: Store, list: ManifestList, blobs: readonly Digest[] = []): ManifestList {
  using lease = store.lease();
  const { bytes, mediaType } = indexBytes(list.index);
  const digest = store.blobs.put(bytes, lease);
  const db = tables(store);
  store.transaction(() => {
    store.images.putList({ id: list.id, manifest: { digest, mediaType }, names: list.names, blobs });
    db.query("DELETE FROM list_sources WHERE list = ?").run(list.id);
    for (const [member, source] of list.sources) db.query("INSERT INTO list_sources VALUES (?, ?, ?)").run(list.id, member, source);
  });
  return list;
}

/** @throws Fault "image.not-found"; "image.unsupported" where the name means an image */
export function getList(store: Store, name: string, system?: ImageSystem): ManifestList {
  const found = lookupAny(store, name, system)?.image ?? getFound(store, name, system).image;
  if (isList(found)) return read(store, found);
  throw new Fault("image.unsupported", `${name}: image is not a manifest list or image index`, { hint: "make one with: podman manifest create" });
}

export function findList(store: Store, name: string, system?: ImageSystem): ManifestList | undefined {
  const found = lookupAny(store, name, system)?.image;
  return found && isList(found) ? read(store, found) : undefined;
}

export function read(store: Store, image: StoredImage): ManifestList {
  const parsed = readManifest(rawManifest(store.images.manifest(image), image.manifest.mediaType));
  if (parsed.kind !== "index") throw new Fault("store.damaged", `cannot read manifest list ${image.id}: it is none`);
  const rows = tables(store).query<{ digest: Digest; source: string }, [string]>("SELECT digest, source FROM list_sources WHERE list = ?").all(image.id);
  return { id: image.id, names: image.names, index: parsed.index, sources: new Map(rows.map(({ digest, source }) => [digest, source])) };
}

/** As podman prints it: fields in Go's order. */
export function inspectList({ index }: ManifestList): object {
  const { mediaType } = indexBytes(index);
  return {
    schemaVersion: 2,
    mediaType,
    ...(index.artifactType ? { artifactType: index.artifactType } : {}),
    manifests: index.manifests.length === 0 ? null : index.manifests.map(describeEntry),
    ...(index.subject ? { subject: describeEntry(index.subject) } : {}),
    ...(index.annotations && Object.keys(index.annotations).length > 0 ? { annotations: index.annotations } : {}),
  };
}

function describeEntry({ mediaType, digest, size, platform, annotations, artifactType }: Descriptor): object {
  return {
    mediaType, size, digest,
    ...(platform === undefined ? {} : { platform: { architecture: platform.architecture, os: platform.os, ...rest(platform) } }),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(artifactType ? { artifactType } : {}),
  };
}

function rest({ os: _os, architecture: _architecture, ...more }: Platform): object {
  return more;
}

export interface EntryChange {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
  readonly features?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** @throws Fault "image.not-found" where the list has no such entry */
export function changeEntry(list: ManifestList, digest: Digest, change: EntryChange): ManifestList {
  needEntry(list, digest);
  const manifests = list.index.manifests.map(entry => (entry.digest === digest ? changed(entry, change) : entry));
  return { ...list, index: { ...list.index, manifests } };
}

function changed(entry: Descriptor, change: EntryChange): Descriptor {
  const { annotations, osVersion, osFeatures, features, ...names } = change;
  const platform = {
    os: "", architecture: "", ...entry.platform, ...names,
    ...(osVersion ? { "os.version": osVersion } : {}),
    ...(osFeatures?.length ? { "os.features": osFeatures } : {}),
    ...(features?.length ? { features } : {}),
  };
  const touches = Object.keys(names).length > 0 || osVersion || osFeatures?.length || features?.length;
  return {
    ...entry,
    ...(touches ? { platform } : {}),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations: { ...entry.annotations, ...annotations } } : {}),
  };
}

function needEntry(list: ManifestList, digest: Digest): void {
  if (list.index.manifests.some(entry => entry.digest === digest)) return;
  throw new Fault("image.not-found", `no instance matching digest ${JSON.stringify(digest)} found in manifest list`);
}

export function removeEntry(list: ManifestList, digest: Digest): ManifestList {
  needEntry(list, digest);
  const sources = new Map(list.sources);
  sources.delete(digest);
  return { ...list, sources, index: { ...list.index, manifests: list.index.manifests.filter(entry => entry.digest !== digest) } };
}

/** Puts it at its place where it is there already, else at the end. */
export function withEntry(list: ManifestList, entry: Descriptor, source: string | undefined): ManifestList {
  const isThere = list.index.manifests.some(one => one.digest === entry.digest);
  const manifests = isThere ? list.index.manifests.map(one => (one.digest === entry.digest ? entry : one)) : [...list.index.manifests, entry];
  const sources = new Map(list.sources);
  if (source !== undefined) sources.set(entry.digest, source);
  return { ...list, sources, index: { ...list.index, manifests } };
}
