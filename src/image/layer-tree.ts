// The layers of an image as a tree of text, with the images that end at each of them.
// Source: podman-image-tree(1).

import { humanSizeTight } from "../base/bytes.ts";
import type { Digest } from "../base/digest.ts";
import { hexOf } from "../base/digest.ts";
import type { Store, StoredImage } from "../storage/store.ts";

interface Branch {
  readonly text: string;
  readonly branches: Branch[];
}

/** Chain IDs to those directly above them, over all images, and to the names of the images that end there. */
interface Layering {
  readonly above: ReadonlyMap<Digest, ReadonlySet<Digest>>;
  readonly names: ReadonlyMap<Digest, readonly string[]>;
}

function layeringOf(images: readonly StoredImage[]): Layering {
  const above = new Map<Digest, Set<Digest>>();
  const names = new Map<Digest, string[]>();
  for (const { layers, names: own } of images) {
    for (const [index, layer] of layers.entries()) {
      const next = layers[index + 1];
      if (next === undefined || next === layer) continue;
      above.set(layer, (above.get(layer) ?? new Set()).add(next));
    }
    const top = layers.at(-1);
    if (top !== undefined) names.set(top, [...(names.get(top) ?? []), ...own]);
  }
  return { above, names };
}

function lineOf(store: Store, { names }: Layering, layer: Digest): string {
  const tags = names.get(layer) ?? [];
  const size = humanSizeTight(store.layers.find(layer)?.size ?? 0, 4).padStart(7);
  return `ID: ${hexOf(layer).slice(0, 12)} Size: ${size}${tags.length > 0 ? ` Top Layer of: [${tags.join(" ")}]` : ""}`;
}

function drawn(branches: readonly Branch[], indent: string): string {
  return branches.map(({ text, branches: below }, index) => {
    const isLast = index === branches.length - 1;
    return `${indent}${isLast ? "└── " : "├── "}${text}\n${drawn(below, `${indent}${isLast ? "    " : "│   "}`)}`;
  }).join("");
}

/** Layers with a single one above them go on in a line; where they part, each part is a branch of its own. */
function branchesFrom(store: Store, layering: Layering, first: Digest): Branch[] {
  const line: Branch[] = [];
  let at: Digest | undefined = first;
  while (at !== undefined) {
    const next: readonly Digest[] = [...(layering.above.get(at) ?? [])];
    line.push({ text: lineOf(store, layering, at), branches: [] });
    if (next.length > 1) {
      for (const child of next) {
        const [head, ...rest] = branchesFrom(store, layering, child);
        line.push({ text: head!.text, branches: rest });
      }
      return line;
    }
    [at] = next;
  }
  return line;
}

/** @param whatRequires the layers above this image's, too, instead of those below */
export function layerTree(store: Store, image: StoredImage, { whatRequires = false } = {}): string {
  const layering = layeringOf(store.images.list());
  const top = image.layers.at(-1);
  const head = `Image ID: ${image.id.slice(0, 12)}\nTags:     [${image.names.join(" ")}]\nSize:     ${humanSizeTight(image.size, 4)}\n${top === undefined ? "No " : ""}Image Layers\n`;
  const own = image.layers.filter((layer, index) => image.layers[index + 1] !== layer).map(layer => ({ text: lineOf(store, layering, layer), branches: [] }));
  return head + drawn(whatRequires && top !== undefined ? branchesFrom(store, layering, top) : own, "");
}
