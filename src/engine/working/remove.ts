// rm, rename: a working container's end, and another name for it.
// Source: buildah-rm(1), buildah-rename(1).

import { rmSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import type { Host } from "../host.ts";
import { forgetLock, locked } from "../state/lock.ts";
import { changeWorking, deleteWorkingRow, findWorking, getWorking, isNameTaken, type WorkingContainer, workingOfImage } from "./records.ts";

/** Unmounted by force; its row and root go together. */
export async function removeWorking(host: Host, { id }: WorkingContainer): Promise<void> {
  await locked(host, id, () => {
    if (host.store.roots.find(id)) host.store.roots.unmount(id, { force: true });
    host.store.transaction(() => {
      if (host.store.roots.find(id)) host.store.roots.remove(id);
      deleteWorkingRow(host, id);
    });
    for (const directory of [host.paths.runDir(id), host.paths.staticDir(id)]) rmSync(directory, { recursive: true, force: true });
    forgetLock(host, id);
  });
}

export async function removeWorkingOfImage(host: Host, imageId: string): Promise<void> {
  for (const record of workingOfImage(host, imageId)) await removeWorking(host, record);
}

/** @throws Fault in buildah's words where a name is taken */
export function renameWorking(host: Host, wanted: string, name: string): WorkingContainer {
  const record = getWorking(host, wanted);
  if (record.name === name) throw new Fault("usage.invalid", "renaming a container with the same name as its current name");
  if (isNameTaken(host, name)) {
    const holder = findWorking(host, name)?.id ?? host.state.findByName(name)?.id;
    throw new Fault("container.name-in-use", `the container name ${JSON.stringify(name)} is already in use by container ${JSON.stringify(holder)}`);
  }
  return changeWorking(host, record.id, before => ({ ...before, name }));
}
