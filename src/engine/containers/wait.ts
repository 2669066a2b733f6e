// wait: until a container is in a wanted condition.
// Source: podman-wait(1).

import type { Choice } from "../batch.ts";
import { exitFileComes } from "../exits.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { choose } from "./choose.ts";
import { settle } from "./cleanup.ts";
import { isLive, observe, readExitFile } from "./observe.ts";
import { Fault } from "../../base/fault.ts";

export interface WaitOptions {
  /** Such as "stopped", "running", "removing", "healthy"; default stopped or exited. */
  readonly conditions?: readonly string[];
  readonly intervalMs?: number;
  /** Only the code of the first one that gets there. */
  readonly firstMatch?: boolean;
}

const intervalMsDefault = 250;
const isEnd = (condition: string): boolean => condition === "stopped" || condition === "exited";

function holds(condition: string, { state }: ContainerRecord): boolean {
  switch (condition) {
    case "stopped": case "exited": return state.status === "stopped" || state.status === "exited";
    case "configured": case "created": return state.status === "created";
    case "healthy": case "unhealthy": return state.health?.status === condition;
    default: return state.status === condition;
  }
}

const gone = (name: string): Fault => new Fault("container.not-found", `no container with name or ID "${name}" found: no such container`);

/** The exit code of the run that goes on now, or of the last one. */
async function exitCodeOf(host: Host, record: ContainerRecord): Promise<number> {
  const { id, state } = record;
  if (!isLive(observe(host, record).state)) return observe(host, record).state.exitCode ?? 0;
  await exitFileComes(`${host.paths.exits}/${id}`, state.conmonPid === undefined ? {} : { conmonPid: state.conmonPid });
  const code = readExitFile(host, id)?.code;
  await settle(host, id);
  return code ?? host.state.exitCode(id) ?? host.state.findById(id)?.state.exitCode ?? -1;
}

async function waitFor(host: Host, { id, name }: ContainerRecord, conditions: readonly string[], intervalMs: number): Promise<number> {
  for (;;) {
    const record = host.state.findById(id);
    if (!record) {
      if (conditions.some(condition => isEnd(condition) || condition === "removing")) return host.state.exitCode(id) ?? -1;
      throw gone(name);
    }
    const met = conditions.find(condition => holds(condition, observe(host, record)));
    if (met) return isEnd(met) ? observe(host, record).state.exitCode ?? 0 : -1;
    await Bun.sleep(intervalMs);
  }
}

function waitOne(host: Host, record: ContainerRecord, options: WaitOptions): Promise<number> {
  const { conditions = [], intervalMs = intervalMsDefault } = options;
  if (conditions.length === 0) return exitCodeOf(host, record);
  return waitFor(host, record, conditions, Math.max(intervalMs, 1));
}

/** Exit codes in the order of the names; -1 for a missing one with `ignore` and for conditions other than an end. */
export async function wait(host: Host, choice: Choice, options: WaitOptions = {}): Promise<number[]> {
  const chosen = choice.names?.length ? choice.names.map(name => choose(host, { names: [name], ignore: choice.ignore ?? false })[0]) : choose(host, choice);
  const codes = chosen.map(one => one ? waitOne(host, one.record, options) : Promise.resolve(-1));
  return options.firstMatch ? [await Promise.race(codes)] : Promise.all(codes);
}
