// Filling a new volume with what the image has at its place, and giving it that directory's owner and mode.

import { chmodSync, chownSync, readdirSync, statSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import { closeQuietly, O_DIRECTORY, O_PATH, openDirectory, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, tryOpenat2 } from "../../kernel/files.ts";
import { lockFile } from "../../kernel/locks.ts";
import type { Host } from "../host.ts";
import { volumeDirectory, volumeOf } from "./volumes.ts";

/** Runs `use` with a path to a directory of the container's root; links inside cannot lead out. False where there is none. */
export function withDirectoryInRoot(root: string, path: string, use: (path: string) => void): boolean {
  const rootFd = openDirectory(root);
  try {
    const flags = O_PATH | O_DIRECTORY;
    const fd = tryOpenat2(rootFd, path, { flags, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS });
    if (fd < 0) return false;
    try {
      use(`/proc/${process.pid}/fd/${fd}`);
    } finally {
      closeQuietly(fd);
    }
    return true;
  } finally {
    closeQuietly(rootFd);
  }
}

/** What is in one directory, into another. @param name what messages call it */
export function copyInside(source: string, target: string, name: string): void {
  const { status, complaint } = spawnSync([needProgram("cp", "coreutils"), "-a", "--reflink=auto", `${source}/.`, target]);
  if (status !== 0) throw new Fault("component.failed", `cannot fill volume "${name}" from the image: ${complaint()}`);
}

export function takeOwner(source: string, target: string): void {
  const { uid, gid, mode } = statSync(source);
  chownSync(target, uid, gid);
  chmodSync(target, mode & 0o7777);
}

export interface Filling {
  readonly root: string;
  readonly target: string;
  readonly copy: boolean;
  /** Whose it is where the image has nothing at its place; absent: ours. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Called with the container's root mounted, before it starts; only the first user of a volume does something. */
export function fillVolume(host: Host, name: string, { root, target, copy, owner }: Filling): void {
  const before = host.state.findVolume(name);
  if (!before || (!before.needsCopyUp && !before.needsChown)) return;
  using _lock = lockFile(`${volumeDirectory(host, name)}/lock`, { exclusive: true, wait: true });
  const record = host.state.findVolume(name);
  if (!record || (!record.needsCopyUp && !record.needsChown)) return;
  const { mountpoint } = volumeOf(host, record);
  const isEmpty = readdirSync(mountpoint).length === 0;
  // Where the image has nothing, the volume still waits for one that has.
  let isFilled = !isEmpty || !copy;
  if (record.needsChown && isEmpty && owner) chownSync(mountpoint, owner.uid, owner.gid);
  withDirectoryInRoot(root, target, source => {
    isFilled ||= readdirSync(source).length > 0;
    if (record.needsCopyUp && copy && isEmpty) copyInside(source, mountpoint, name);
    if (record.needsChown && isEmpty) takeOwner(source, mountpoint);
  });
  if (!isFilled) return;
  host.state.saveVolume({ ...record, needsCopyUp: false, needsChown: false });
}
