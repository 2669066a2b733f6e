// The files of a container's checkpoint, in its lasting directory; their names are those in podman's archives.
// Source: checkpointctl's metadata library, "Checkpoint archive".

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { NetworkStatus } from "../../base/container-state.ts";
import type { Host } from "../host.ts";

export interface CheckpointFiles {
  readonly folder: string;
  readonly images: string;
  readonly preImages: string;
  readonly networkStatus: string;
  readonly shm: string;
  readonly dumpLog: string;
  readonly restoreLog: string;
  readonly dumpStatistics: string;
  readonly restoreStatistics: string;
}

export function checkpointFiles(host: Host, id: string): CheckpointFiles {
  const folder = host.paths.staticDir(id);
  return {
    folder,
    images: `${folder}/checkpoint`, preImages: `${folder}/pre-checkpoint`,
    networkStatus: `${folder}/network.status`, shm: `${folder}/devshm-checkpoint.tar`,
    dumpLog: `${folder}/dump.log`, restoreLog: `${folder}/restore.log`,
    dumpStatistics: `${folder}/stats-dump`, restoreStatistics: `${folder}/stats-restore`,
  };
}

/** criu writes its inventory last, when all else is on disk. */
export const isWhole = ({ images }: CheckpointFiles): boolean => existsSync(`${images}/inventory.img`);

export function forgetCheckpoint(files: CheckpointFiles, options: { keepPrevious?: boolean } = {}): void {
  const { images, preImages, networkStatus, shm, dumpLog, restoreLog, dumpStatistics, restoreStatistics } = files;
  for (const path of [images, networkStatus, shm, dumpLog, restoreLog, dumpStatistics, restoreStatistics]) rmSync(path, { recursive: true, force: true });
  if (!options.keepPrevious) rmSync(preImages, { recursive: true, force: true });
}

export function writeNetworkStatus(files: CheckpointFiles, status: Record<string, NetworkStatus> | undefined): void {
  writeFileSync(files.networkStatus, JSON.stringify(status ?? null), { mode: 0o600 });
}

/** As it was at the checkpoint; undefined where nothing is known of it. */
export function readNetworkStatus(files: CheckpointFiles): Record<string, NetworkStatus> | undefined {
  try {
    return (JSON.parse(readFileSync(files.networkStatus, "utf8")) as Record<string, NetworkStatus> | null) ?? undefined;
  } catch {
    return undefined;
  }
}
