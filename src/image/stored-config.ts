// A stored image's config and manifest, read.

import type { ImageConfig, Manifest } from "../base/oci-image.ts";
import { Fault } from "../base/fault.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { readConfig } from "./config.ts";
import { rawManifest, readManifest } from "./manifest.ts";
import { normalArchitecture } from "./platform.ts";
import type { PlatformChoice } from "./platform.ts";

export const storedConfig = (store: Store, image: StoredImage): ImageConfig => readConfig(store.images.configBytes(image));

/** @throws Fault "store.damaged" */
export function storedManifest(store: Store, image: StoredImage): Manifest {
  const parsed = readManifest(rawManifest(store.images.manifest(image), image.manifest.mediaType));
  if (parsed.kind === "image") return parsed.manifest;
  throw new Fault("store.damaged", `cannot read image "${image.id}": its manifest is an index`);
}

export function imagePlatform(store: Store, image: StoredImage): PlatformChoice {
  const { os, architecture, variant } = storedConfig(store, image);
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Whether an image's platform is the asked one; parts that were not asked for do not count. */
export function servesChoice(have: PlatformChoice, asked: PlatformChoice): boolean {
  const same = (a: string | undefined, b: string | undefined) => !a || !b || a === b;
  return same(have.os, asked.os) &&
    same(have.architecture && normalArchitecture(have.architecture), asked.architecture && normalArchitecture(asked.architecture)) &&
    same(have.variant, asked.variant);
}
