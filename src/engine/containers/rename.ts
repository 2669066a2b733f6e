// rename: another name for a container, running or not.
// Source: podman-rename(1).

import { Fault } from "../../base/fault.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import { get } from "./lookup.ts";
import { checkName } from "./names.ts";
import { containerEvent } from "./container-event.ts";

/** @throws Fault "container.not-found", "container.name-in-use", "usage.invalid" for a name that cannot be one */
export async function rename(host: Host, nameOrId: string, wanted: string): Promise<void> {
  const { id } = get(host, nameOrId);
  const name = checkName(wanted);
  await locked(host, id, () => {
    const record = fresh(host, id);
    const holder = host.state.findByName(name);
    if (holder) throw inUse(name, holder.id);
    host.state.transaction(() => {
      host.state.rename(id, name);
      host.state.saveSpec(id, { ...record.spec, name });
    });
    containerEvent(host, { ...record, name }, "rename");
  });
}

const inUse = (name: string, holder: string): Fault =>
  new Fault("container.name-in-use", `name "${name}" is already in use by container ${holder}: container already exists`);
