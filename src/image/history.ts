// The history of an image: one entry a step, newest first, with the images and sizes its layers still have here.
// Source: podman-history(1).

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { storedConfig } from "./stored-config.ts";

/** In the field names of `podman history --format json`. */
export interface HistoryEntry {
  /** Image ID, or "<missing>". */
  readonly id: string;
  readonly created: string | undefined;
  readonly createdBy: string;
  /** Bytes. */
  readonly size: number;
  readonly comment: string;
  readonly tags: readonly string[];
}

/** @throws Fault "image.malformed" where the config lists more steps with layers than there are layers */
export function imageHistory(store: Store, image: StoredImage): HistoryEntry[] {
  const steps = storedConfig(store, image).history ?? [];
  const imagesByTop = new Map<Digest | undefined, StoredImage[]>();
  for (const one of store.images.list()) {
    const top = one.layers.at(-1);
    if (top !== undefined) imagesByTop.set(top, [...(imagesByTop.get(top) ?? []), one]);
  }
  const used = new Set<string>();
  const entries: HistoryEntry[] = [];
  let position = image.layers.length - 1;
  for (const step of steps.toReversed()) {
    const top = position >= 0 ? image.layers[position] : undefined;
    const here = [...(imagesByTop.get(top) ?? [])].sort((a, b) => Number(b.id === image.id) - Number(a.id === image.id));
    const first = here[0];
    const id = first && !used.has(first.id) ? first.id : "<missing>";
    if (first) used.add(first.id);
    entries.push({
      id,
      created: step.created,
      createdBy: step.created_by ?? "",
      size: step.empty_layer ? 0 : sizeOf(store, top, image),
      comment: step.comment ?? "",
      tags: here.flatMap(one => [...one.names]),
    });
    if (!step.empty_layer) position--;
  }
  return entries;
}

function sizeOf(store: Store, chainId: Digest | undefined, image: StoredImage): number {
  if (chainId !== undefined) return store.layers.find(chainId)?.size ?? 0;
  throw new Fault("image.malformed", `cannot show history of "${image.id}": no layer left for a step that made one`);
}
