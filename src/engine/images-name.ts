// The whole name that a new image gets: a short one that an image has already means that image's name.

import { isShort, nameToGive, parseReference, referenceText } from "../image/reference.ts";
import { lookupImage } from "../image/resolve.ts";
import type { Host } from "./host.ts";

/** @throws Fault "reference.malformed" */
export function nameForNew(host: Host, written: string): string {
  const whole = referenceText(nameToGive(written));
  if (!isShort(parseReference(written))) return whole;
  const found = lookupImage(host.store, written, host.imageSystem)?.name;
  return found?.includes("/") ? found : whole;
}
