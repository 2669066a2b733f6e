// port: published ports as `podman port` prints them.
// Source: podman-port(1).

import type { Host } from "../host.ts";
import { get } from "./lookup.ts";

export interface PublishedPort {
  readonly id: string;
  /** "0.0.0.0" for all addresses. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
}

/** One row for each single port, ranges spread out. */
export function ports(host: Host, nameOrId: string): PublishedPort[] {
  const { id, spec } = get(host, nameOrId);
  return (spec.ports ?? []).flatMap(({ hostIp, hostPort, containerPort, range, protocol }) =>
    Array.from({ length: range }, (_, index) => ({
      id, hostIp: hostIp === "" ? "0.0.0.0" : hostIp, hostPort: hostPort + index, containerPort: containerPort + index, protocol,
    })));
}
