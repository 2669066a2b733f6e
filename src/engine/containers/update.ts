// update: new limits, health checks and policies for a container that is there.
// Source: podman-update(1).

import type { ContainerSpec, HealthSpec, ResourceLimits } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { updateContainer } from "../../runtime/oci-runtime.ts";
import { resourcesOf } from "../../runtime/resources.ts";
import { completeHealth, hasHealthcheck } from "../health/settings.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { containerEvent } from "./container-event.ts";
import { refuseOtherDevices, withLimits } from "./limits.ts";
import { get } from "./lookup.ts";
import { hasEnded, isLive } from "./observe.ts";
import { runtimeOf } from "./runtime-choice.ts";

/** What is to change; absent fields stay. `unsetEnv` names what goes. */
export type Change = Pick<ContainerSpec, "resources" | "health" | "restart" | "env" | "unsetEnv" | "ulimits">;

const missingCheck = (): Fault => new Fault("usage.invalid", "healthcheck command is not set", { hint: "set one with --health-cmd or --health-startup-cmd" });

function newHealth(before: HealthSpec | undefined, change: HealthSpec): HealthSpec {
  if (change.check?.Test?.[0] === "NONE") return completeHealth({ ...before, ...change });
  const had = before?.check?.Test?.[0] !== "NONE" ? before : { ...before, check: undefined };
  if (change.check && !change.check.Test && !had?.check) throw missingCheck();
  if (change.startup && !change.startup.Test && !before?.startup) throw missingCheck();
  const merged = (key: "check" | "startup"): HealthSpec => had?.[key] || change[key] ? { [key]: { ...had?.[key], ...change[key] } } : {};
  const { check: _check, startup: _startup, ...rest } = { ...before, ...change };
  return completeHealth({ ...rest, ...merged("check"), ...merged("startup") });
}

function changed(spec: ContainerSpec, change: Change): ContainerSpec {
  const env = { ...spec.env, ...change.env };
  for (const name of change.unsetEnv ?? []) delete env[name];
  return {
    ...spec,
    ...(change.resources ? { resources: withLimits(spec.resources, change.resources) } : {}),
    ...(change.health ? { health: newHealth(spec.health, change.health) } : {}),
    ...(change.restart ? { restart: change.restart } : {}),
    ...(change.env || change.unsetEnv ? { env } : {}),
    ...(change.ulimits ? { ulimits: change.ulimits } : {}),
  };
}

/** Only what was asked for, so that nothing else is set anew. */
function pushLimits(host: Host, { id, spec }: ContainerRecord, resources: ResourceLimits): void {
  const { pids, ...rest } = resourcesOf({ ...spec, resources }, { pidsLimitDefault: 0, rootless: host.rootless, devices: [], ownUsers: true });
  const wanted = { ...rest, ...(resources.pidsLimit === undefined ? {} : { pids }) };
  if (Object.keys(wanted).length > 0) updateContainer(runtimeOf(host, spec), id, wanted);
}

/** @throws Fault for a container that is being removed, and of the runtime for limits it cannot set */
export async function update(host: Host, nameOrId: string, change: Change): Promise<string> {
  if (change.resources) refuseOtherDevices(change.resources);
  const { id } = get(host, nameOrId);
  await locked(host, id, async () => {
    const record = fresh(host, id);
    if (record.state.status === "removing") throw new Fault("container.wrong-state", `container ${id} is being removed, cannot update: container state improper`);
    const spec = changed(record.spec, change);
    if (change.resources && isLive(record.state) && !hasEnded(host, record)) pushLimits(host, record, change.resources);
    host.state.saveSpec(id, spec);
    containerEvent(host, record, "update");
    if (change.health) await restartTimer(host, { ...record, spec });
  });
  return id;
}

async function restartTimer(host: Host, record: ContainerRecord): Promise<void> {
  const { needTimer, pokeTimer } = await import("../health/timer.ts");
  const state = record.state.health || !hasHealthcheck(record.spec) ? record.state : { ...record.state, health: { status: "starting" as const, failingStreak: 0, log: [] } };
  if (state !== record.state) host.state.saveState(record.id, state);
  needTimer(host, { ...record, state });
  pokeTimer(host);
}
