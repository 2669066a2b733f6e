// A container's user namespace for one start: made before the rest, so that root, network and runtime can use it at once.
// Source: user_namespaces(7); OCI runtime-spec config-linux.md, "User namespace mappings".

import type { ContainerSpec } from "../../base/container-spec.ts";
import { outsideId, type IdMaps } from "../../base/id-mapping.ts";
import { holdUsers, readMapsOf } from "../../kernel/held-users.ts";

export interface StartUsers extends Disposable {
  /** Absent: the container has the users that we have. */
  readonly maps?: IdMaps;
  /** The user namespace to join. */
  readonly path?: string;
  /** A new network namespace that belongs to it. */
  readonly networkPath?: string;
}

/** The maps of a resolved spec; absent where it has no users of its own. */
export function mapsOfSpec({ uidMap, gidMap }: ContainerSpec): IdMaps | undefined {
  return uidMap?.length && gidMap?.length ? { uid: uidMap, gid: gidMap } : undefined;
}

/** @param spec with namespaces of other containers as paths @param network whether the container has a network of its own */
export function openUsers(spec: ContainerSpec, network: boolean): StartUsers {
  const mode = spec.namespaces?.user;
  if (mode?.kind === "path") {
    const path = mode.target ?? "";
    const maps = mapsOfSpec(spec) ?? readMapsOf(path);
    if (!network) return { maps, path, [Symbol.dispose]: () => {} };
    const held = holdUsers({ join: path, network });
    return { maps, path, networkPath: held.networkPath, [Symbol.dispose]: () => held[Symbol.dispose]() };
  }
  const maps = mapsOfSpec(spec);
  if (!maps) return { [Symbol.dispose]: () => {} };
  const held = holdUsers({ maps, network });
  return { maps, path: held.userPath, ...(network ? { networkPath: held.networkPath } : {}), [Symbol.dispose]: () => held[Symbol.dispose]() };
}

/** Who the container's root is, in our numbers. */
export function rootOf(maps: IdMaps | undefined): { uid: number; gid: number } {
  return { uid: (maps && outsideId(0, maps.uid)) ?? 0, gid: (maps && outsideId(0, maps.gid)) ?? 0 };
}
