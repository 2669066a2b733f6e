// Which image was made from which: a child has its parent's layers and history, and one step more.

import type { History, ImageConfig } from "../base/oci-image.ts";
import { isIndexMediaType } from "../base/media-types.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { storedConfig } from "./stored-config.ts";

/** All images of a store as they were when it was made, their configs read once each. */
export interface Family {
  readonly images: readonly StoredImage[];
  config(image: StoredImage): ImageConfig;
  children(image: StoredImage): StoredImage[];
  parent(image: StoredImage): StoredImage | undefined;
  /** Without name and without children. */
  isDangling(image: StoredImage): boolean;
  /** Without name, but with children. */
  isIntermediate(image: StoredImage): boolean;
}

export function familyOf(store: Store): Family {
  const images = store.images.list();
  const configs = new Map<string, ImageConfig>();
  const config = (image: StoredImage): ImageConfig => {
    const known = configs.get(image.id) ?? storedConfig(store, image);
    configs.set(image.id, known);
    return known;
  };
  let byHistory: Map<string, StoredImage[]> | undefined;
  let byParentHistory: Map<string, StoredImage[]> | undefined;
  const historyOf = (image: StoredImage): readonly History[] => config(image).history ?? [];
  const children = (image: StoredImage): StoredImage[] => {
    if (isIndexMediaType(image.manifest.mediaType)) return [];
    byParentHistory ??= grouped(images, one => (historyOf(one).length === 0 ? undefined : keyOf(historyOf(one).slice(0, -1))));
    return (byParentHistory.get(keyOf(historyOf(image))) ?? []).filter(one => one.id !== image.id && goesOn(one, image));
  };
  const parent = (image: StoredImage): StoredImage | undefined => {
    if (historyOf(image).length === 0) return undefined;
    byHistory ??= grouped(images, one => keyOf(historyOf(one)));
    return byHistory.get(keyOf(historyOf(image).slice(0, -1)))?.find(one => one.id !== image.id && goesOn(image, one));
  };
  return {
    images,
    config,
    children,
    parent,
    isDangling: image => image.names.length === 0 && children(image).length === 0,
    isIntermediate: image => image.names.length === 0 && children(image).length > 0,
  };
}

function grouped(images: readonly StoredImage[], keyFor: (image: StoredImage) => string | undefined): Map<string, StoredImage[]> {
  const groups = new Map<string, StoredImage[]>();
  for (const image of images) {
    const key = keyFor(image);
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), image]);
  }
  return groups;
}

const keyOf = (history: readonly History[]): string =>
  JSON.stringify(history.map(step => [step.created, step.created_by ?? "", step.author ?? "", step.comment ?? "", step.empty_layer ?? false]));

/** Images without layers are related among themselves only. */
function goesOn(upper: StoredImage, lower: StoredImage): boolean {
  if (lower.layers.length === 0) return upper.layers.length === 0;
  return upper.layers.length >= lower.layers.length && upper.layers[lower.layers.length - 1] === lower.layers.at(-1);
}
