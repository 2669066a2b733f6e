// --manifest: what was built, as entries of a manifest list, made where it is missing.
// Source: buildah-build(1), "--manifest".

import type { Host } from "../engine/host.ts";
import { createList, findList, write } from "../image/manifest-list.ts";
import { addToList } from "../image/manifest-list-add.ts";
import type { ImageSystem } from "../image/system.ts";
import type { StoredImage } from "../storage/store.ts";

/** All of them or none. The list's ID. */
export async function addToManifest(host: Host, name: string, { images, system }: { images: readonly StoredImage[]; system: ImageSystem }): Promise<string> {
  const { store } = host;
  const known = findList(store, name, system);
  let list = known ?? createList(store, name);
  try {
    for (const image of images) ({ list } = await addToList(list, image.id, { store, system }));
    return write(store, list).id;
  } catch (thrown) {
    if (known === undefined) store.images.remove(list.id);
    throw thrown;
  }
}
