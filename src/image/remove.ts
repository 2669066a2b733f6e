// Removing images: untag or delete, never what containers use, and dangling parents with the last child.

import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { familyOf } from "./family.ts";
import { filterImages } from "./filters.ts";
import { getAny } from "./resolve.ts";
import { nameToGive, referenceText } from "./reference.ts";
import type { ImageSystem } from "./system.ts";

export interface RemoveOptions {
  /** Remove whatever the names; containers go first, by `removeContainers`. */
  readonly force?: boolean;
  /** Names that are not known are no error. */
  readonly ignore?: boolean;
  /** Dangling parents stay. */
  readonly noPrune?: boolean;
  readonly system?: ImageSystem;
  /** Used where `names` is empty: which of all images go. */
  readonly filters?: readonly string[];
  /** IDs of the containers made from an image. */
  readonly usedBy: (imageId: string) => readonly string[];
  /** Called with `force`, before an image goes that containers use. */
  readonly removeContainers?: (imageId: string) => void | Promise<void>;
}

export interface RemovedImages {
  /** Names taken away, in order. */
  readonly untagged: readonly string[];
  /** IDs of images that went. */
  readonly deleted: readonly string[];
  /** Bytes that went with them. */
  readonly bytes: number;
  readonly faults: readonly Fault[];
  /** As podman's: 2 when any was in use, 1 when all faults were unknown images, else 125; 0 without faults. */
  readonly exit: number;
}

interface Wish {
  readonly id: string;
  /** The names it was found by; [] for all of it. */
  readonly writtenAs: string[];
}

/** Removes each; faults are collected, not thrown. With no names: all that pass `filters`. */
export async function removeImages(store: Store, names: readonly string[], options: RemoveOptions): Promise<RemovedImages> {
  const faults: Fault[] = [];
  const collect = async (act: () => void | Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      faults.push(thrown);
    }
  };
  const wishes = new Map<string, Wish>();
  const wish = (image: StoredImage): Wish => {
    const found = wishes.get(image.id) ?? { id: image.id, writtenAs: [] };
    wishes.set(image.id, found);
    return found;
  };
  for (const name of names) {
    await collect(() => {
      const found = getAny(store, name, options.system);
      wish(found.image).writtenAs.push(found.name);
    });
  }
  if (names.length === 0) for (const image of filterImages(store, options.filters ?? [], options, familyOf(store, warnOfDamage))) wish(image);
  const kept = options.ignore ? faults.filter(fault => fault.code !== "image.not-found") : faults.slice();
  faults.length = 0;
  const removal = new Removal(store, options, names.length === 0);
  for (const { id, writtenAs } of wishes.values()) {
    for (const name of writtenAs.length > 0 ? writtenAs : [undefined]) await collect(() => removal.one(id, name));
  }
  const all = [...kept, ...faults];
  return { untagged: removal.untagged, deleted: removal.deleted, bytes: removal.bytes, faults: all, exit: exitOf(all) };
}

function exitOf(faults: readonly Fault[]): number {
  if (faults.length === 0) return 0;
  if (faults.some(fault => fault.code === "image.in-use")) return 2;
  return faults.every(fault => fault.code === "image.not-found") ? 1 : 125;
}

/** Damage must not keep an image from being removed. */
const warnOfDamage = ({ message }: Fault): void => log.warn(`Failed to determine parent of image: ${message}, ignoring the error`);

class Removal {
  readonly untagged: string[] = [];
  readonly deleted: string[] = [];
  bytes = 0;
  readonly store: Store;
  readonly options: RemoveOptions;
  /** Whether no image was named. */
  readonly all: boolean;

  constructor(store: Store, options: RemoveOptions, all: boolean) {
    this.store = store;
    this.options = options;
    this.all = all;
  }

  /** `name` absent: the image with all its names. */
  async one(id: string, name: string | undefined): Promise<void> {
    const image = this.store.images.get(id);
    if (!image) return;
    if (image.isReadOnly) {
      // Of all that match, others of the same command may go.
      if (name === undefined && this.all) return;
      throw new Fault("image.in-use", `cannot remove image "${id}": it lies in an additional image store, which is read-only`, { hint: "remove it with the --root of that store" });
    }
    if (name !== undefined && image.names.length !== 1 && this.untagOnly(image, name)) return;
    await this.freeOfContainers(image);
    const family = familyOf(this.store, warnOfDamage);
    const hasChildren = family.children(image).length > 0;
    const parent = family.parent(image);
    const removed = this.store.images.remove(id);
    if (!removed) return;
    this.untagged.push(...removed.image.names);
    this.bytes += removed.collected.bytes;
    if (!hasChildren) this.deleted.push(id);
    if (!parent || this.options.noPrune || !familyOf(this.store, warnOfDamage).isDangling(parent)) return;
    await this.one(parent.id, undefined);
  }

  /** Whether taking the name away was all there was to do. */
  untagOnly(image: StoredImage, name: string): boolean {
    const byId = image.id.startsWith(name);
    const byDigest = name.startsWith("sha256:");
    if ((byId || byDigest) && image.names.length > 1 && !this.options.force) {
      const by = byId ? "ID" : "digest";
      throw new Fault(
        "image.ambiguous",
        `unable to delete image "${image.id}" by ${by} with more than one tag ([${image.names.join(" ")}]): please force removal`,
        { hint: `give one of its names, or: podman rmi --force ${name}` },
      );
    }
    if (byId || byDigest) return false;
    const whole = referenceText(nameToGive(name));
    if (!this.store.images.untag(image.id, whole)) {
      throw new Fault("image.not-found", `${whole}: tag not known`);
    }
    this.untagged.push(name);
    return image.names.length > 1;
  }

  async freeOfContainers(image: StoredImage): Promise<void> {
    let users = this.options.usedBy(image.id);
    if (users.length > 0 && this.options.force && this.options.removeContainers) {
      await this.options.removeContainers(image.id);
      users = this.options.usedBy(image.id);
    }
    if (users.length === 0) return;
    throw new Fault(
      "image.in-use",
      `image used by ${users[0]}: image is in use by a container: consider listing external containers and force-removing image`,
      { exit: 2 },
    );
  }
}
