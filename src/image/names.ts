// Giving names to stored images and taking them away.

import { Fault } from "../base/fault.ts";
import type { Store } from "../storage/store.ts";
import { nameToGive, referenceText } from "./reference.ts";
import { getAny } from "./resolve.ts";
import type { ImageSystem } from "./system.ts";

/** @throws Fault "image.not-found", "reference.malformed" */
export function tagImage(store: Store, image: string, names: readonly string[], system?: ImageSystem): void {
  const { id } = getAny(store, image, system).image;
  for (const name of names) store.images.tag(id, tagText(name));
}

function tagText(name: string): string {
  const reference = name.startsWith("sha256:") ? undefined : nameToGive(name);
  if (reference && reference.digest === undefined) return referenceText(reference);
  throw new Fault("reference.malformed", `${name}: tag by digest not supported`, { hint: "write a tag, such as NAME:1" });
}

/** Without `names` all names go. @throws Fault "image.not-found"; "image.not-found" worded `NAME: tag not known` */
export function untagImage(store: Store, image: string, names: readonly string[], system?: ImageSystem): void {
  const { id, names: all } = getAny(store, image, system).image;
  for (const name of names.length > 0 ? names : all) {
    if (name.startsWith("sha256:")) throw new Fault("reference.malformed", `${name}: untag by digest not supported`);
    const whole = referenceText(nameToGive(name));
    if (!store.images.untag(id, whole)) {
      throw new Fault("image.not-found", `${whole}: tag not known`);
    }
  }
}
