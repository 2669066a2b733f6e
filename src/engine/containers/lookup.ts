// Which container a person means: a full ID, a name, or an unambiguous prefix of an ID.

import type { ContainerRecord } from "../state/state.ts";
import type { Host } from "../host.ts";

export function find(host: Host, nameOrId: string): ContainerRecord | undefined {
  throw new Error("not written yet");
}

/** @throws Fault "container.not-found", worded `no container with name or ID "x" found: no such container` */
export function get(host: Host, nameOrId: string): ContainerRecord {
  throw new Error("not written yet");
}

/** The container created last. @throws Fault "container.not-found" when there is none */
export function latest(host: Host): ContainerRecord {
  throw new Error("not written yet");
}
