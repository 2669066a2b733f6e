// mount, umount: a working container's root at a path of the host, for the host's own tools.
// Source: buildah-mount(1), buildah-umount(1).

import { rootInTheMaking } from "../containers/labels.ts";
import type { Host } from "../host.ts";
import { locked } from "../state/lock.ts";
import { changeWorking, getWorking, type WorkingContainer, workingContainers } from "./records.ts";

const isShown = (host: Host, { id, isMounted }: WorkingContainer): boolean => isMounted && host.store.roots.isMounted(id);

/** Mounts it, once however often asked; answers the path. */
export async function mountWorking(host: Host, { id }: WorkingContainer): Promise<string> {
  return locked(host, id, () => {
    const record = getWorking(host, id);
    if (isShown(host, record)) return host.store.roots.path(id);
    const path = host.store.roots.mount(id, rootInTheMaking());
    changeWorking(host, id, before => ({ ...before, isMounted: true }));
    return path;
  });
}

/** False when it was not mounted. */
export async function unmountWorking(host: Host, { id }: WorkingContainer): Promise<boolean> {
  return locked(host, id, () => {
    const record = getWorking(host, id);
    if (!record.isMounted) return false;
    if (isShown(host, record)) host.store.roots.unmount(id);
    changeWorking(host, id, before => ({ ...before, isMounted: false }));
    return true;
  });
}

/** Those that `mount` mounted. */
export function mountedWorking(host: Host): { record: WorkingContainer; path: string }[] {
  return workingContainers(host)
    .filter(record => isShown(host, record))
    .map(record => ({ record, path: host.store.roots.path(record.id) }));
}

/** Its root for as long as `act` takes. */
export async function withWorkingRoot<T>(host: Host, id: string, act: (root: string) => T | Promise<T>): Promise<T> {
  const root = await locked(host, id, () => host.store.roots.mount(id, rootInTheMaking()));
  try {
    return await act(root);
  } finally {
    await locked(host, id, () => void (host.store.roots.find(id) && host.store.roots.unmount(id)));
  }
}
