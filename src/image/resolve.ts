// From what a person wrote to an image in the store: by name, short name, ID, ID prefix or digest, in podman's order.

import { isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { servesChoice, imagePlatform } from "./stored-config.ts";
import {
  findReference, isShort, parseReference, referenceText, repositoryOf, withDefaultTag, withoutTagBesideDigest,
} from "./reference.ts";
import type { Reference } from "./reference.ts";
import { isIndexMediaType } from "../base/media-types.ts";
import { rawManifest, readManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";
import type { PlatformChoice } from "./platform.ts";
import { localCandidates, registriesOf } from "./short-names.ts";
import type { ImageSystem } from "./system.ts";

export interface FoundImage {
  readonly image: StoredImage;
  /** The whole name it was found by, or what was written where it was found by ID. */
  readonly name: string;
}

/** No hint: scripts compare the whole of what is printed. */
const unknown = (name: string): Fault => new Fault("image.not-found", `${name}: image not known`);

/** As `lookupAny`; of a manifest list the member for the wanted platform. @throws Fault "image.wrong-platform" where it has none here */
export function lookupImage(store: Store, written: string, system: ImageSystem = {}): FoundImage | undefined {
  const found = lookupAny(store, written, system);
  if (found === undefined || !isIndexMediaType(found.image.manifest.mediaType)) return found;
  const parsed = readManifest(rawManifest(store.images.manifest(found.image), found.image.manifest.mediaType));
  if (parsed.kind !== "index") return found;
  const { digest } = choosePlatform(parsed.index, system.platform);
  const image = store.images.findByDigest(digest).find(one => !isIndexMediaType(one.manifest.mediaType));
  return image && { image, name: found.name };
}

/** An image or a manifest list; undefined when there is none. @throws Fault "image.ambiguous", "reference.malformed" */
export function lookupAny(store: Store, written: string, system: ImageSystem = {}): FoundImage | undefined {
  const name = written.replace(/^containers-storage:(?:\[[^\]]*\])?@?/, "");
  const hex = name.replace(/^sha256:/, "");
  if (/^[0-9a-f]{64}$/.test(hex)) {
    const image = store.images.get(hex) ?? (name === hex ? undefined : store.images.findByDigest(name as Digest)[0]);
    return image && { image, name };
  }
  if (name !== hex) throw new Fault("reference.malformed", `${name}: invalid format: no 64-byte hexadecimal value`);
  const reference = withoutTagBesideDigest(parseReference(name));
  return byCandidates(store, reference, system) ?? byPrefix(store, name) ?? bySuffix(store, reference);
}

function byCandidates(store: Store, reference: Reference, system: ImageSystem): FoundImage | undefined {
  // A whole name needs no registries.conf, which costs time to read.
  const candidates = isShort(reference) ? localCandidates(reference, registriesOf(system)) : [withDefaultTag(reference)];
  for (const candidate of candidates) {
    const image = byWholeName(store, candidate);
    if (image && fitsChoice(store, image, system.platform)) return { image, name: referenceText(candidate) };
  }
  return undefined;
}

/** An image named by tag is also found by NAME@DIGEST, where one of its names is in the repository. */
function byWholeName(store: Store, reference: Reference): StoredImage | undefined {
  const image = store.images.findByName(referenceText(reference));
  if (image || reference.digest === undefined) return image;
  const repository = repositoryOf(reference);
  const isOfIt = (name: string) => name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`);
  return store.images.findByDigest(reference.digest).find(one => one.names.some(isOfIt));
}

/** Only a platform that was asked for can make a found image the wrong one. */
function fitsChoice(store: Store, image: StoredImage, choice: PlatformChoice | undefined): boolean {
  if (!choice || !(choice.os || choice.architecture || choice.variant)) return true;
  if (isIndexMediaType(image.manifest.mediaType)) return true;
  return servesChoice(imagePlatform(store, image), choice);
}

function byPrefix(store: Store, name: string): FoundImage | undefined {
  if (!/^[0-9a-f]{1,64}$/.test(name)) return undefined;
  const found = store.images.findByPrefix(name);
  if (found.length > 1) {
    throw new Fault("image.ambiguous", `cannot find image ${JSON.stringify(name)}: it is the start of ${found.length} IDs`, {
      hint: "give more digits of the ID",
    });
  }
  return found[0] && { image: found[0], name };
}

/** A short name that is the end of a stored repository, such as "ubi8" of "registry.test/ubi8". */
function bySuffix(store: Store, reference: Reference): FoundImage | undefined {
  if (!isShort(reference)) return undefined;
  const { tag, digest } = withDefaultTag(reference);
  for (const image of digest === undefined ? store.images.list() : store.images.findByDigest(digest)) {
    for (const name of image.names) {
      const have = findReference(name);
      if (!have || (digest === undefined && have.tag !== tag)) continue;
      if (!`/${repositoryOf(have)}`.endsWith(`/${reference.path}`)) continue;
      return { image, name: digest === undefined ? name : `${repositoryOf(have)}@${digest}` };
    }
  }
  return undefined;
}

export const findImage = (store: Store, name: string, system?: ImageSystem): StoredImage | undefined =>
  lookupImage(store, name, system)?.image;

/** A manifest list too. @throws Fault "image.not-found" worded `NAME: image not known` */
export function getAny(store: Store, name: string, system?: ImageSystem): FoundImage {
  const found = lookupAny(store, name, system);
  if (found) return found;
  throw unknown(isDigest(name) ? name : normalWords(name));
}

/** @throws Fault "image.not-found" worded `NAME: image not known` */
export function getFound(store: Store, name: string, system?: ImageSystem): FoundImage {
  const found = lookupImage(store, name, system);
  if (found) return found;
  throw unknown(isDigest(name) ? name : normalWords(name));
}

/** As podman repeats a name: without a tag beside a digest. */
function normalWords(name: string): string {
  const reference = findReference(name);
  return reference?.tag !== undefined && reference.digest !== undefined ? name.replace(/:[^/@]*@/, "@") : name;
}

export const getImage = (store: Store, name: string, system?: ImageSystem): StoredImage => getFound(store, name, system).image;

/** `podman image exists`: what cannot be a name is not there. */
export const imageExists = (store: Store, name: string, system?: ImageSystem): boolean =>
  lookupAny(store, name, system) !== undefined;
