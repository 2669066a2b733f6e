// Owners of files in a container's root as the container itself has them, for archives and layers made of it.

import type { ContainerSpec } from "../../base/container-spec.ts";
import { insideId } from "../../base/id-mapping.ts";
import type { WrittenEntry } from "../../storage/tar/writer.ts";
import { mapsOfSpec } from "./start.ts";

/** What nobody of the container owns is nobody's there. */
const overflowId = 65_534;

/** For those who write a tree of the container as an archive; nothing where its users are ours. */
export function withInsideOwners(spec: ContainerSpec): { alter?: (entry: WrittenEntry) => WrittenEntry } {
  const maps = mapsOfSpec(spec);
  if (!maps) return {};
  return {
    alter: entry => ({ ...entry, uid: insideId(entry.uid, maps.uid) ?? overflowId, gid: insideId(entry.gid, maps.gid) ?? overflowId }),
  };
}
