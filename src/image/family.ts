// Which image was made from which: a child has its parent's layers and history, and one step more.

import type { History, ImageConfig } from "../base/oci-image.ts";
import { Fault } from "../base/fault.ts";
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

/** @param onDamage told of a stored image that cannot be read, which then has no relatives; absent: it is thrown */
export function familyOf(store: Store, onDamage?: (fault: Fault) => void): Family {
  const images = store.images.list();
  const configs = new Map<string, ImageConfig>();
  const config = (image: StoredImage): ImageConfig => {
    const known = configs.get(image.id) ?? readable(store, image, onDamage);
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

const unreadable = (): ImageConfig => ({ architecture: "", os: "", rootfs: { type: "layers", diff_ids: [] } });

/** What another command has removed since the list was made is no damage. */
function readable(store: Store, image: StoredImage, onDamage: ((fault: Fault) => void) | undefined): ImageConfig {
  try {
    return storedConfig(store, image);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    if (store.images.get(image.id) === undefined) return unreadable();
    const fault = new Fault("store.damaged",
      `locating item named ${JSON.stringify(image.config)} for image with ID "${image.id}" (consider removing the image to resolve the issue): ${reasonOf(thrown)}`,
      { cause: thrown, hint: "pull the image again, or see what else is damaged with: podman system check" });
    if (!onDamage) throw fault;
    onDamage(fault);
    return unreadable();
  }
}

const reasonOf = (thrown: Fault): string => (thrown.code === "store.damaged" ? "file does not exist" : thrown.message);

function grouped(images: readonly StoredImage[], keyFor: (image: StoredImage) => string | undefined): Map<string, StoredImage[]> {
  const groups = new Map<string, StoredImage[]>();
  for (const image of images) {
    const key = keyFor(image);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(image);
    else groups.set(key, [image]);
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
