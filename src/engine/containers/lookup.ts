// Which container a person means: a full ID, a name, or an unambiguous prefix of an ID.

import { Fault } from "../../base/fault.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

/** @throws Fault "container.ambiguous" */
export function find(host: Host, nameOrId: string): ContainerRecord | undefined {
  const wanted = nameOrId.startsWith("/") ? nameOrId.slice(1) : nameOrId;
  if (wanted === "") throw new Fault("usage.invalid", "name or ID cannot be empty");
  const exact = host.state.findById(wanted) ?? host.state.findByName(wanted);
  if (exact) return exact;
  const [only, second] = host.state.findByPrefix(wanted);
  if (second) {
    throw new Fault("container.ambiguous", `more than one result for container ID or name "${wanted}": container already exists`, {
      hint: "give more characters of the ID",
    });
  }
  return only;
}

/** @throws Fault "container.not-found", worded `no container with name or ID "x" found: no such container` */
export function get(host: Host, nameOrId: string): ContainerRecord {
  const record = find(host, nameOrId);
  if (record) return record;
  throw new Fault("container.not-found", `no container with name or ID "${nameOrId}" found: no such container`);
}

/** The container created last. @throws Fault "container.not-found" when there is none */
export function latest(host: Host): ContainerRecord {
  const record = host.state.latest();
  if (record) return record;
  throw new Fault("container.not-found", "unable to find latest container: no such container", {
    hint: "create one first, for instance with: podman run",
  });
}
