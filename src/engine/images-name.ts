// The whole name that a new image gets: a short one that an image has already means that image's name.

import { Fault } from "../base/fault.ts";
import { isShort, nameToGive, parseReference, referenceText } from "../image/reference.ts";
import { lookupImage } from "../image/resolve.ts";
import type { Host } from "./host.ts";

/** @throws Fault "reference.malformed" */
export function nameForNew(host: Host, written: string): string {
  const whole = referenceText(nameToGive(written));
  if (!isShort(parseReference(written))) return whole;
  const found = nameOf(host, written);
  return found?.includes("/") ? found : whole;
}

/** What begins several IDs is a new name all the same. */
function nameOf(host: Host, written: string): string | undefined {
  try {
    return lookupImage(host.store, written, host.imageSystem)?.name;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "image.ambiguous") return undefined;
    throw thrown;
  }
}
