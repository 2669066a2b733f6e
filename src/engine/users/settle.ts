// The users of many runs in one root, settled before the first: builds and working containers.
// Source: buildah-build(1), buildah-from(1), "--userns", "--userns-uid-map".

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { Host } from "../host.ts";
import { withAutoUsers } from "./auto.ts";
import { usersOf } from "./mapping.ts";

/** With the maps that were asked for in any way; asked again it answers the same. */
export function settleUsers(host: Host, spec: ContainerSpec): ContainerSpec {
  const mode = spec.namespaces?.user;
  if (mode?.kind === "auto") return settled(withAutoUsers(host, { ...spec, uidMap: [] }, undefined));
  const { uidMap, gidMap } = usersOf(host, spec, mode);
  return uidMap?.length ? settled({ ...spec, uidMap, ...(gidMap ? { gidMap } : {}) }) : spec;
}

function settled({ subuidName: _uid, subgidName: _gid, namespaces, ...rest }: ContainerSpec): ContainerSpec {
  return { ...rest, namespaces: { ...namespaces, user: { kind: "private" } } };
}
