// stats: what running containers use now.
// Source: podman-stats(1).

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { Fault } from "../../base/fault.ts";
import { momentMs } from "../../base/time.ts";
import { cgroupUsage } from "../../runtime/cgroup-usage.ts";
import { cgroupMode } from "../../runtime/cgroups.ts";
import type { Choice } from "../batch.ts";
import type { Host } from "../host.ts";
import { choose } from "./choose.ts";
import { isLive, observe } from "./observe.ts";

export interface InterfaceUse {
  readonly RxBytes: number;
  readonly RxDropped: number;
  readonly RxErrors: number;
  readonly RxPackets: number;
  readonly TxBytes: number;
  readonly TxDropped: number;
  readonly TxErrors: number;
  readonly TxPackets: number;
}

/** podman's ContainerStats, with its names. */
export interface ContainerUse {
  readonly AvgCPU: number;
  readonly ContainerID: string;
  readonly Name: string;
  readonly PerCPU: readonly number[] | null;
  readonly CPU: number;
  readonly CPUNano: number;
  readonly CPUSystemNano: number;
  /** When it was measured, in nanoseconds since 1970. */
  readonly SystemNano: number;
  readonly MemUsage: number;
  readonly MemLimit: number;
  readonly MemPerc: number;
  readonly Network: Readonly<Record<string, InterfaceUse>> | null;
  readonly BlockInput: number;
  readonly BlockOutput: number;
  readonly PIDs: number;
  /** CPU time in nanoseconds, as podman calls it. */
  readonly UpTime: number;
  readonly Duration: number;
}

const quietly = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** The interfaces that a process sees, without the loopback. Source: proc(5), /proc/PID/net/dev. */
export function interfacesOf(text: string): Record<string, InterfaceUse> {
  const lines = text.split("\n").slice(2).flatMap(line => {
    const colon = line.indexOf(":");
    return colon < 0 ? [] : [{ name: line.slice(0, colon).trim(), counts: line.slice(colon + 1).trim().split(/\s+/).map(Number) }];
  });
  return Object.fromEntries(lines.filter(({ name }) => name !== "lo").map(({ name, counts }) => {
    const at = (index: number): number => counts[index] ?? 0;
    return [name, {
      RxBytes: at(0), RxPackets: at(1), RxErrors: at(2), RxDropped: at(3), TxBytes: at(8), TxPackets: at(9), TxErrors: at(10), TxDropped: at(11),
    }];
  }));
}

const percent = (cpuNs: number, lengthNs: number): number => (cpuNs > 0 && lengthNs > 0 ? cpuNs / lengthNs * 100 : 0);

const idle = (id: string, name: string): ContainerUse => ({
  AvgCPU: 0, ContainerID: id, Name: name, PerCPU: null, CPU: 0, CPUNano: 0, CPUSystemNano: 0, SystemNano: 0, MemUsage: 0, MemLimit: 0, MemPerc: 0,
  Network: null, BlockInput: 0, BlockOutput: 0, PIDs: 0, UpTime: 0, Duration: 0,
});

/** @param before what the last call gave of it; the CPU's percentage is since then, or since the start */
function useOf({ id, name, state }: ReturnType<typeof observe>, { network }: { network: string | undefined }, before: ContainerUse | undefined): ContainerUse {
  const usage = isLive(state) && state.pid ? cgroupUsage({ own: quietly(`/proc/${state.pid}/cgroup`) }) : undefined;
  if (!usage) return idle(id, name);
  const nowNs = Date.now() * 1e6;
  const startedNs = state.startedAt ? momentMs(state.startedAt) * 1e6 : nowNs;
  const isSameRun = before !== undefined && before.CPUNano <= usage.cpuNs && before.SystemNano > 0;
  const [cpuFrom, timeFrom] = isSameRun ? [before.CPUNano, before.SystemNano] : [0, startedNs];
  const total = totalmem();
  const limit = usage.memoryLimitBytes > 0 && usage.memoryLimitBytes < total ? usage.memoryLimitBytes : total;
  return {
    AvgCPU: percent(usage.cpuNs, nowNs - startedNs), ContainerID: id, Name: name, PerCPU: null, CPU: percent(usage.cpuNs - cpuFrom, nowNs - timeFrom),
    CPUNano: usage.cpuNs, CPUSystemNano: usage.cpuSystemNs, SystemNano: nowNs,
    MemUsage: usage.memoryBytes, MemLimit: limit, MemPerc: usage.memoryBytes / limit * 100,
    Network: network === "host" || network === "none" ? null : interfacesOf(quietly(`/proc/${state.pid}/net/dev`)),
    BlockInput: usage.readBytes, BlockOutput: usage.writeBytes, PIDs: usage.processes, UpTime: usage.cpuNs, Duration: usage.cpuNs,
  };
}

/** One round; those that run, or with names or --all those that were asked for. @throws Fault "container.not-found", "usage.unsupported" */
export function stats(host: Host, choice: Choice, before: ReadonlyMap<string, ContainerUse> = new Map()): ContainerUse[] {
  // His containers are in a group that they share with whatever else he started.
  if (host.rootless && cgroupMode() !== "v2") {
    throw new Fault("usage.unsupported", "stats is not supported in rootless mode without cgroups v2", {
      hint: "run it as root, or start the machine with cgroups v2: systemd.unified_cgroup_hierarchy=1",
    });
  }
  const wantsRunning = !choice.names?.length && !choice.all && !choice.latest;
  const chosen = choose(host, wantsRunning ? { ...choice, all: true } : choice);
  const records = chosen.map(({ record }) => observe(host, record));
  return records.filter(({ state }) => !wantsRunning || isLive(state)).map(record => useOf(record, { network: record.spec.network?.mode }, before.get(record.id)));
}
