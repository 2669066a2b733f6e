// What a container changed in its image: as an archive of what is new and a list of what is gone, as podman keeps it.

import { closeQuietly, O_DIRECTORY, O_PATH, openDirectory, RESOLVE_IN_ROOT, tryOpenat2 } from "../../kernel/files.ts";
import { Fault } from "../../base/fault.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { removeTree } from "../../storage/tree.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { writeChunks } from "./shm.ts";

/** Mounts of ours, whose mountpoints the runtime made. */
const ours = new Set(["dev", "proc", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv"]);

/** Whether anything is in it. */
export function saveRootfs(host: Host, { id }: ContainerRecord, path: string): void {
  writeChunks(path, tarOfTree(host.store.roots.upperPath(id), { leaveOut: ours }));
}

export const deletedPaths = (host: Host, { id }: ContainerRecord): string[] =>
  host.store.roots.changes(id, { hidden: true }).filter(({ kind }) => kind === "D").map(({ path }) => path);

/** Removes what is named below the root; no link in it leads out. */
export function deletePaths(root: string, paths: readonly string[]): void {
  const rootFd = openDirectory(root);
  try {
    for (const path of paths) {
      const slash = path.lastIndexOf("/");
      const name = path.slice(slash + 1);
      const above = tryOpenat2(rootFd, path.slice(0, slash) || ".", { flags: O_PATH | O_DIRECTORY, resolve: RESOLVE_IN_ROOT });
      if (above < 0) continue;
      try {
        removeTree(above, name);
      } finally {
        closeQuietly(above);
      }
    }
  } finally {
    closeQuietly(rootFd);
  }
}

const pathsMax = 1_000_000;

/** @throws Fault "input.malformed" for anything but a list of plain absolute paths */
export function checkDeleted(value: unknown): string[] {
  const isPath = (path: unknown): path is string =>
    typeof path === "string" && path.length < 4096 && /^\/[^\0]/.test(path) && !path.split("/").some(part => part === ".." || part === ".") && !path.endsWith("/");
  if (Array.isArray(value) && value.length <= pathsMax && value.every(isPath)) return value;
  throw new Fault("input.malformed", "cannot use the checkpoint: deleted.files is no list of paths", { hint: "do not trust this archive: it tries to delete outside of the container, or is damaged" });
}
