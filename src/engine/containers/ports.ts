// port: published ports as `podman port` prints them.

import type { Host } from "../host.ts";

export interface PublishedPort {
  readonly id: string;
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
}

/** One row for each single port, ranges spread out. */
export function ports(host: Host, nameOrId: string): PublishedPort[] {
  throw new Error("not written yet");
}
