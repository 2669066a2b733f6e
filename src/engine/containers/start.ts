// start: from a created container to a running one, detached; init stops one step short.
// Source: podman-start(1), podman-init(1).

import { Fault } from "../../base/fault.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import type { ContainerState } from "../../base/container-state.ts";
import type { Choice, Outcome } from "../batch.ts";
import { freshHealth, hasHealthcheck } from "../health/settings.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { choose, onEach } from "./choose.ts";
import { finish } from "./finish.ts";
import { startProcess } from "./launch.ts";
import { get } from "./lookup.ts";
import { hasEnded, isLive } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { prepare } from "./prepare.ts";
import { forgetUnstarted, releaseUnstarted } from "./unstarted.ts";

const improper = (message: string): Fault => new Fault("container.wrong-state", `${message}: container state improper`);

/** Brings it to "initialized" from any state that is not running; a run that ended unseen is finished first. */
export async function ready(host: Host, record: ContainerRecord): Promise<ContainerRecord> {
  let current = record;
  if (hasEnded(host, current) || current.state.status === "stopped") current = await finish(host, current);
  if (current.state.status === "initialized") return current;
  if (current.state.status === "paused") throw improper(`container ${record.id} is paused`);
  if (current.state.status === "removing") throw improper(`container ${record.id} is being removed`);
  return prepare(host, current);
}

/** From "initialized" to "running"; the lock is held by the caller. */
export async function run(host: Host, record: ContainerRecord): Promise<ContainerRecord> {
  const { health: _before, ...kept } = record.state;
  const checked = hasHealthcheck(record.spec);
  const state: ContainerState = { ...kept, status: "running", startedAt: nowRfc3339Nano(), stoppedByUser: false, ...(checked ? { health: freshHealth } : {}) };
  await startProcess(host, record);
  host.state.transaction(() => {
    host.state.saveState(record.id, state);
    forgetUnstarted(host, record.id);
  });
  releaseUnstarted(host, record.id);
  containerEvent(host, record, "start");
  const started = { ...record, state };
  if (checked) (await import("../health/timer.ts")).needTimer(host, started);
  return started;
}

/** Containers that this one needs are started first, theirs before them. */
export async function startNeeded(host: Host, { id, spec }: ContainerRecord, path: readonly string[] = []): Promise<void> {
  for (const needed of spec.requires ?? []) {
    if (path.includes(needed)) throw improper(`container ${id} depends on itself`);
    const other = host.state.findById(needed);
    if (!other) throw new Fault("container.not-found", `container ${id} depends on container ${needed}: no such container`);
    if (isLive(other.state) && !hasEnded(host, other)) continue;
    await startNeeded(host, other, [...path, id]);
    await startOne(host, needed);
  }
}

async function startOne(host: Host, id: string): Promise<void> {
  await locked(host, id, async () => {
    const record = fresh(host, id);
    if (record.state.status === "paused") throw improper(`container ${id} is paused`);
    if (isLive(record.state) && !hasEnded(host, record)) return;
    await run(host, await ready(host, record));
  });
}

/** Starts one container and leaves it to conmon; one that runs is left alone. */
export async function start(host: Host, nameOrId: string): Promise<void> {
  const record = get(host, nameOrId);
  await startNeeded(host, record);
  await startOne(host, record.id);
}

const isStartable = (host: Host) => (record: ContainerRecord): boolean => !isLive(record.state) || hasEnded(host, record);

/** Faults of starting leave with 125, whatever the program's own status would be. */
function plainExit(thrown: unknown): unknown {
  if (!(thrown instanceof Fault) || thrown.exit === 125) return thrown;
  return new Fault(thrown.code, `unable to start container: ${thrown.message}`, { exit: 125, cause: thrown, ...(thrown.hint ? { hint: thrown.hint } : {}) });
}

/** Starts all that are chosen; running ones are left alone (success), but for --all, which passes them over. */
export async function startAll(host: Host, choice: Choice): Promise<Outcome[]> {
  const chosen = choose(host, choice, choice.all ? { all: isStartable(host) } : {});
  return onEach(chosen, async record => {
    try {
      await start(host, record.id);
    } catch (thrown) {
      throw plainExit(thrown);
    }
  });
}

/** Makes the runtime create the container (config.json written), without starting it. */
export async function init(host: Host, choice: Choice): Promise<Outcome[]> {
  const chosen = choose(host, choice, { all: ({ state }) => state.status === "created" });
  return onEach(chosen, async ({ id }) => {
    await startNeeded(host, fresh(host, id));
    await locked(host, id, async () => {
      const record = fresh(host, id);
      const isNew = record.state.status === "created" || record.state.status === "exited" || record.state.status === "stopped";
      if (!isNew) throw improper(`container ${id} has already been created in runtime`);
      await ready(host, record);
    });
  });
}
