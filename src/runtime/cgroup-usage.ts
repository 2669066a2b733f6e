// What the processes of a cgroup have used: CPU time, memory, processes, bytes from and to disks; v1, hybrid and v2.
// Source: cgroups(7), the kernel's cgroup-v1/*.rst and cgroup-v2.rst.

import { existsSync, readFileSync } from "node:fs";

export interface CgroupUsage {
  readonly cpuNs: number;
  readonly cpuSystemNs: number;
  readonly memoryBytes: number;
  /** 0 or Infinity without a limit. */
  readonly memoryLimitBytes: number;
  readonly processes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
}

export interface UsagePlace {
  /** Where cgroups are mounted. */
  readonly base?: string;
  /** Text of /proc/PID/cgroup. */
  readonly own: string;
}

const quietly = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const numberIn = (path: string): number => {
  const text = quietly(path).trim();
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text) || 0;
};

/** The directory of each controller; "" is the v2 one. */
function directories({ base = "/sys/fs/cgroup", own }: UsagePlace): (controller: string) => string | undefined {
  const lines = own.split("\n").flatMap(line => {
    const [, controllers, ...path] = line.split(":");
    return controllers === undefined ? [] : [{ controllers: controllers.split(","), path: path.join(":") }];
  });
  return controller => {
    const line = lines.find(({ controllers }) => controllers.includes(controller));
    if (!line) return undefined;
    const places = controller === "" ? [`${base}${line.path}`, `${base}/unified${line.path}`] : [`${base}/${line.controllers.join(",")}${line.path}`, `${base}/${controller}${line.path}`];
    return places.find(existsSync);
  };
}

/** The sum of one field of "8:0 rbytes=1 wbytes=2 …" lines. */
function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, found) => sum + Number(found[1]), 0);
}

function usageOfV2(directory: string): CgroupUsage {
  const cpu = quietly(`${directory}/cpu.stat`);
  const io = quietly(`${directory}/io.stat`);
  const us = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(cpu)?.[1] ?? 0) * 1000;
  return {
    cpuNs: us("usage_usec"), cpuSystemNs: us("system_usec"),
    memoryBytes: numberIn(`${directory}/memory.current`), memoryLimitBytes: numberIn(`${directory}/memory.max`),
    processes: numberIn(`${directory}/pids.current`),
    readBytes: sumOf(io, /rbytes=(\d+)/g), writeBytes: sumOf(io, /wbytes=(\d+)/g),
  };
}

function usageOfV1(find: (controller: string) => string | undefined): CgroupUsage {
  const [cpu, memory, pids, block] = ["cpuacct", "memory", "pids", "blkio"].map(find);
  const io = quietly(`${block}/blkio.throttle.io_service_bytes_recursive`) || quietly(`${block}/blkio.io_service_bytes_recursive`);
  return {
    cpuNs: numberIn(`${cpu}/cpuacct.usage`), cpuSystemNs: numberIn(`${cpu}/cpuacct.usage_sys`),
    memoryBytes: numberIn(`${memory}/memory.usage_in_bytes`), memoryLimitBytes: numberIn(`${memory}/memory.limit_in_bytes`),
    processes: numberIn(`${pids}/pids.current`),
    readBytes: sumOf(io, /^\d+:\d+ Read (\d+)$/gm), writeBytes: sumOf(io, /^\d+:\d+ Write (\d+)$/gm),
  };
}

/** Undefined where the cgroup has gone. */
export function cgroupUsage(place: UsagePlace): CgroupUsage | undefined {
  const find = directories(place);
  if (find("cpuacct")) return usageOfV1(find);
  const unified = find("");
  return unified && existsSync(`${unified}/cgroup.procs`) ? usageOfV2(unified) : undefined;
}
