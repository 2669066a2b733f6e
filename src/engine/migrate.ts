// system migrate: containers take another OCI runtime, and how the store mounts is found out anew.
// Source: podman-system-migrate(1).

import { Fault } from "../base/fault.ts";
import { findRuntime } from "../runtime/program.ts";
import { isLive } from "./containers/observe.ts";
import { stop } from "./containers/stop.ts";
import type { Host } from "./host.ts";
import { endPause } from "./rootless.ts";

/** @returns the IDs of those that have the new runtime now. @throws Fault "component.missing" for a runtime that is not there */
export async function migrate(host: Host, newRuntime: string | undefined): Promise<string[]> {
  if (host.rootless) await leaveNamespaces(host);
  host.store.forgetDriver();
  if (newRuntime === undefined) return [];
  findRuntime({ runtime: newRuntime });
  const records = host.state.containers().filter(({ spec }) => spec.runtime !== newRuntime);
  const running = records.filter(({ state }) => isLive(state)).map(({ id }) => id);
  for (const { fault } of await stop(host, { names: running })) {
    if (fault) throw new Fault("container.running", `cannot migrate to runtime "${newRuntime}": ${fault.message}`, { cause: fault });
  }
  for (const { id, spec } of records) host.state.saveSpec(id, { ...spec, runtime: newRuntime });
  return records.map(({ id }) => id);
}

/** An ordinary user's containers live in his namespaces: they stop, and the next command makes the namespaces anew. */
async function leaveNamespaces(host: Host): Promise<void> {
  const running = host.state.containers().filter(({ state }) => isLive(state)).map(({ id }) => id);
  for (const { fault } of await stop(host, { names: running })) if (fault) throw fault;
  endPause();
}
