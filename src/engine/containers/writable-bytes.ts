// What a container takes on the disk beside its image: what it wrote, and the files we keep for it.

import { treeSize } from "../volumes/tree-size.ts";
import type { Host } from "../host.ts";

/** As podman counts, with its log, its configuration and the files it was given under /etc. */
export function writableBytes(host: Host, id: string): number {
  const runDir = host.paths.runDir(id);
  const own = treeSize(host.paths.staticDir(id)) + treeSize(`${runDir}/bundle`) + treeSize(`${runDir}/etc`);
  return own + host.store.roots.size(id);
}
