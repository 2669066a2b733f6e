// The rows of `podman images`, with all that its templates and JSON can ask for.

import { isIndexMediaType } from "../base/media-types.ts";
import { familyOf } from "./family.ts";
import type { Family } from "./family.ts";
import { createdMs, filterImages } from "./filters.ts";
import type { FilterContext } from "./filters.ts";
import { findReference, repositoryOf } from "./reference.ts";
import type { Store, StoredImage } from "../storage/store.ts";

/** One image, in podman's field names; JSON order is the order here. */
export interface ImageSummary {
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[];
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize: number;
  readonly VirtualSize: number;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Containers: number;
  readonly ReadOnly: boolean;
  readonly Dangling: boolean;
  readonly Arch: string;
  readonly Digest: string;
  readonly History: readonly string[];
  readonly IsManifestList: boolean;
  readonly Names: readonly string[];
  readonly Os: string;
}

/** One line: an image under one of its names. */
export interface ImageRow {
  readonly repository: string;
  readonly tag: string;
  readonly summary: ImageSummary;
}

export const imageSortKeys = ["created", "id", "repository", "size", "tag"] as const;
export type ImageSortKey = (typeof imageSortKeys)[number];

export interface ListOptions extends FilterContext {
  /** Intermediate images too. */
  readonly all?: boolean;
  readonly filters?: readonly string[];
}

/** @throws Fault "usage.invalid" for a filter that is none */
export function listImages(store: Store, options: ListOptions = {}): ImageSummary[] {
  const filters = [...(options.filters ?? [])];
  if (!options.all && !filters.includes("intermediate=true")) filters.push("intermediate=false");
  const family = familyOf(store);
  return filterImages(store, filters, options, family).map(image => summarize(family, image, options));
}

function summarize(family: Family, image: StoredImage, context: FilterContext): ImageSummary {
  const config = family.config(image);
  return {
    Id: image.id,
    ParentId: family.parent(image)?.id ?? "",
    RepoTags: image.names.length === 0 ? null : image.names,
    RepoDigests: repoDigests(image),
    Created: Math.floor(createdMs(image) / 1000),
    Size: image.size,
    SharedSize: 0,
    VirtualSize: image.size,
    Labels: sortedKeys(config.config?.Labels),
    Containers: context.usedBy?.(image.id).length ?? 0,
    ReadOnly: image.isReadOnly ?? false,
    Dangling: family.isDangling(image),
    Arch: config.architecture,
    Digest: image.manifest.digest,
    History: [...image.names, ...image.namesHistory.filter(name => !image.names.includes(name))],
    IsManifestList: isIndexMediaType(image.manifest.mediaType),
    Names: image.names,
    Os: config.os,
  };
}

/** As Go prints maps; null where there is none. */
export function sortedKeys<Value>(map: Readonly<Record<string, Value>> | undefined): Record<string, Value> | null {
  return map ? Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))) : null;
}

/** Every name's repository with every digest that led to the image, sorted. */
export function repoDigests(image: StoredImage): string[] {
  const found = new Set<string>();
  for (const name of image.names) {
    const reference = findReference(name);
    if (!reference) continue;
    for (const { digest } of image.manifests) found.add(`${repositoryOf(reference)}@${digest}`);
  }
  return [...found].sort();
}

const compare = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** A line for each tagged name, or one for an image without any; names by digest alone show no line beside tagged ones. */
export function imageRows(summaries: readonly ImageSummary[], sort: ImageSortKey = "created"): ImageRow[] {
  return summaries.flatMap(rowsOf).sort((a, b) => {
    switch (sort) {
      case "id": return compare(a.summary.Id, b.summary.Id);
      case "repository": return compare(a.repository, b.repository) || compare(a.tag, b.tag);
      case "size": return a.summary.Size - b.summary.Size;
      case "tag": return compare(a.tag, b.tag);
      case "created": return b.summary.Created - a.summary.Created;
    }
  });
}

const none = "<none>";

function rowsOf(summary: ImageSummary): ImageRow[] {
  return rowNames(summary.Names).map(name => ({ ...name, summary }));
}

/** How an image with these names is listed. */
export function rowNames(names: readonly string[]): Pick<ImageRow, "repository" | "tag">[] {
  const rows = names.map(name => {
    const reference = findReference(name);
    return { repository: reference ? repositoryOf(reference) : name, tag: reference?.tag ?? none };
  });
  const tagged = rows.filter(row => row.tag !== none);
  if (tagged.length > 0) return tagged;
  return [rows[0] ?? { repository: none, tag: none }];
}
