// An image on its way with its encrypted layers opened, or its plain ones encrypted; its manifest is another one then.

import { withManifest } from "../convert.ts";
import type { ParsedManifest } from "../manifest.ts";
import type { Cargo, Source } from "../source.ts";
import type { Openers } from "./keys.ts";
import { decryptLayers, encryptLayers } from "./layers.ts";
import type { LayerEncryption } from "./layers.ts";

type Image = ParsedManifest & { readonly kind: "image" };

interface At {
  readonly source: Source;
  readonly tmpDir: string | undefined;
}

export interface OpenedImage {
  readonly image: Image;
  readonly source: Source;
  remove(): void;
}

/** undefined where no layer is encrypted. */
export async function openImage(image: Image, openers: Openers, at: At): Promise<OpenedImage | undefined> {
  const made = await decryptLayers(image.manifest, openers, at);
  if (!made) return undefined;
  const { raw, manifest } = withManifest({ ...image, configBytes: new Uint8Array(), config: undefined }, image.raw.mediaType, { ...image.manifest, layers: made.layers });
  return { image: { kind: "image", manifest, raw }, source: made.source, remove: made.remove };
}

export interface LockedCargo {
  readonly cargo: Cargo;
  readonly source: Source;
  remove(): void;
}

/** undefined where no layer is to be encrypted. */
export async function lockCargo(cargo: Cargo, encryption: LayerEncryption, at: At): Promise<LockedCargo | undefined> {
  const made = await encryptLayers(cargo.manifest, encryption, at);
  if (!made) return undefined;
  return { cargo: withManifest(cargo, cargo.raw.mediaType, { ...cargo.manifest, layers: made.layers }), source: made.source, remove: made.remove };
}
