// image mount, unmount: the files of images at paths of the host, read-only, each with a count of its users.
// Source: podman-image-mount(1), podman-image-unmount(1).

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { getImage } from "../image/resolve.ts";
import { lockFile } from "../kernel/locks.ts";
import { isMountpoint, umount2 } from "../kernel/mounts.ts";
import type { StoredImage } from "../storage/store.ts";
import type { Outcome } from "./batch.ts";
import { writeEvent } from "./events.ts";
import type { Host } from "./host.ts";

export interface MountedImage {
  readonly image: StoredImage;
  readonly path: string;
}

const detach = 2;
const directory = (host: Host): string => `${host.paths.runroot}/image-mounts`;
const place = (host: Host, id: string): string => `${directory(host)}/${id}`;
/** Where it is or would be mounted. */
export const imagePath = (host: Host, id: string): string => `${place(host, id)}/merged`;

/** Mounting and counting go together. */
function locked<T>(host: Host, id: string, act: () => T): T {
  mkdirSync(place(host, id), { recursive: true, mode: 0o700 });
  using _lock = lockFile(`${place(host, id)}/lock`, { exclusive: true, wait: true });
  return act();
}

/** 0 where nothing is mounted, whatever was counted before a reboot. */
function countOf(host: Host, id: string): number {
  if (!isMountpoint(imagePath(host, id))) return 0;
  try {
    return Math.max(1, Number.parseInt(readFileSync(`${place(host, id)}/count`, "utf8"), 10) || 1);
  } catch {
    return 1;
  }
}

/** Mounts it, or counts one user more; answers where. @throws Fault "image.unsupported" for an image without layers */
export function mountImage(host: Host, image: StoredImage): string {
  const top = image.layers.at(-1);
  if (top === undefined) throw new Fault("image.unsupported", `cannot mount image "${image.id}": it has no layers`);
  return locked(host, image.id, () => {
    const users = countOf(host, image.id);
    const path = imagePath(host, image.id);
    if (users === 0) {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      host.store.roots.mountLayers(top, path);
    }
    writeFileSync(`${place(host, image.id)}/count`, String(users + 1));
    return path;
  });
}

/** One user less; the last one, or `force`, unmounts. False where it was not mounted. */
export function unmountImage(host: Host, id: string, force = false): boolean {
  if (!existsSync(place(host, id))) return false;
  return locked(host, id, () => {
    const users = countOf(host, id);
    const isLast = force || users <= 1;
    if (users > 0 && isLast) umount2(imagePath(host, id), detach);
    if (isLast) forget(host, id);
    else writeFileSync(`${place(host, id)}/count`, String(users - 1));
    return users > 0;
  });
}

function forget(host: Host, id: string): void {
  rmSync(`${place(host, id)}/count`, { force: true });
  try {
    rmdirSync(imagePath(host, id));
  } catch {
    // It was never made, or someone looks at it; the next mount uses it again.
  }
}

/** Each by name or ID, in turn; with `all` every image of the store. */
export function mountImages(host: Host, names: readonly string[], all = false): MountedImage[] {
  const images = all ? host.store.images.list() : names.map(name => getImage(host.store, name, host.imageSystem));
  return images.map(image => {
    const path = mountImage(host, image);
    imageEvent(host, image, "mount");
    return { image, path };
  });
}

/** Of each that was mounted and is no more a user, the full ID. */
export function unmountImages(host: Host, names: readonly string[], how: { all?: boolean; force?: boolean } = {}): Outcome[] {
  const wanted = how.all ? mountedImages(host).map(({ image }) => image.id) : names;
  return wanted.flatMap((name): Outcome[] => {
    try {
      const image = getImage(host.store, name, host.imageSystem);
      if (!unmountImage(host, image.id, how.force)) return [];
      imageEvent(host, image, "unmount");
      return [{ target: image.id, id: image.id }];
    } catch (thrown) {
      if (thrown instanceof Fault) return [{ target: name, fault: thrown }];
      throw thrown;
    }
  });
}

export function mountedImages(host: Host): MountedImage[] {
  return idsWithPlace(host).flatMap(id => {
    const image = countOf(host, id) > 0 ? host.store.images.get(id) : undefined;
    return image ? [{ image, path: imagePath(host, id) }] : [];
  });
}

function idsWithPlace(host: Host): string[] {
  try {
    return readdirSync(directory(host)).sort();
  } catch {
    return [];
  }
}

/** What a listing in JSON says of it. */
export function mountedSummary({ image, path }: MountedImage): Record<string, unknown> {
  return { id: image.id, Names: [image.names[0] ?? ""], Repositories: image.names, mountpoint: path };
}

function imageEvent(host: Host, image: StoredImage, status: string): void {
  writeEvent(host, { Type: "image", Status: status, Name: image.names[0] ?? image.id, ID: image.id });
}
