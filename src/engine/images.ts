// Images seen from containers: which are in use, and removing them with what uses them.

import { log } from "../base/log.ts";
import { familyOf } from "../image/family.ts";
import { removeImages } from "../image/remove.ts";
import type { RemovedImages } from "../image/remove.ts";
import { writeEvent } from "./events.ts";
import type { Host } from "./host.ts";
import { workingOfImage } from "./working/records.ts";
import { unmountImage } from "./images-mount.ts";

/** @param what `name` as the person wrote it: a name, or where an image came from or went to */
export function imageEvent(host: Host, status: string, what: { name: string; id?: string | undefined; error?: string | undefined }): void {
  writeEvent(host, { Type: "image", Status: status, Name: what.name, ...(what.id === undefined ? {} : { ID: what.id }), ...(what.error ? { error: what.error } : {}) });
}

/** For listing and filtering images. */
export function usesOfImages(host: Host): { usedBy: (imageId: string) => readonly string[] } {
  return { usedBy: imageId => host.state.usersOfImage(imageId) };
}

export interface RemoveImagesOptions {
  readonly force?: boolean;
  readonly ignore?: boolean;
  readonly noPrune?: boolean;
  readonly filters?: readonly string[];
}

/** Removes images; with `force` the containers made from them go first. */
export async function removeImagesOf(host: Host, names: readonly string[], options: RemoveImagesOptions = {}): Promise<RemovedImages> {
  const idOf = new Map(host.store.images.list().flatMap(image => image.names.map(name => [name, image.id] as const)));
  const removed = await removeImages(host.store, names, {
    ...options,
    system: host.imageSystem,
    ...usesOfImages(host),
    async removeContainers(imageId) {
      const { remove } = await import("./containers/remove.ts");
      const { removeWorkingOfImage } = await import("./working/remove.ts");
      await removeWorkingOfImage(host, imageId);
      await remove(host, { names: host.state.usersOfImage(imageId) }, { force: true });
    },
  });
  for (const name of removed.untagged) imageEvent(host, "untag", { name, id: idOf.get(name) });
  for (const id of removed.deleted) unmountImage(host, id, true);
  for (const id of removed.deleted) imageEvent(host, "remove", { name: id, id });
  return removed;
}

/** Removes dangling images, or with `all` every one that no container uses. */
export async function pruneImages(host: Host, asked: PruneOptions): Promise<RemovedImages> {
  const filters = [...(asked.filters ?? []), ...(asked.all ? [] : ["dangling=true"])];
  if (!asked.external) return removeImagesOf(host, [], { filters: [...filters, "containers=false"] });
  const { filterImages } = await import("../image/filters.ts");
  const own = (id: string): number => host.state.usersOfImage(id).length - workingOfImage(host, id).length;
  const found = filterImages(host.store, filters, usesOfImages(host), familyOf(host.store, ({ message }) => log.warn(`Failed to determine if an image is a parent: ${message}, ignoring the error`))).filter(({ id }) => own(id) === 0);
  return removeImagesOf(host, found.map(({ id }) => id), { force: found.length > 0 });
}

export interface PruneOptions {
  readonly all?: boolean;
  readonly filters?: readonly string[];
  /** Also those that only working containers use, which go with them. */
  readonly external?: boolean;
}
