// inspect: podman's JSON of one container, whole.

import type { Host } from "../host.ts";

/** podman's InspectContainerData; fields are in its order. */
export type InspectContainer = Record<string, unknown> & { Id: string; Name: string };

/** @throws Fault "container.not-found", worded `no such container "x"` */
export function inspect(host: Host, nameOrId: string, options: { size?: boolean } = {}): InspectContainer {
  throw new Error("not written yet");
}
