// Options of create, run and update that set limits and cgroups.
// Source: podman-run(1), OCI runtime-spec config-linux.md.

import { bytes, decimal, list, natural, text, texts, toggle, whole } from "../../cli/flag.ts";
import type { ContainerSpec, ResourceLimits } from "../../base/container-spec.ts";
import { readRate, readSwap, readWeight, readWeightDevice } from "./written/limits.ts";
import { cut, refuse } from "./written/refuse.ts";
import { readUlimit } from "./written/security.ts";
import { field } from "./spec-flag.ts";

const unit = "where unit = b (bytes), k (kibibytes), m (mebibytes), or g (gibibytes)";
const size = "<number>[<unit>]";

const limits = (spec: ContainerSpec): ResourceLimits => (spec.resources ??= {});

const throttle = (kind: "read-bps" | "write-bps" | "read-iops" | "write-iops", help: string) =>
  field(texts({ help }), (spec, devices) => {
    (limits(spec).throttle ??= []).push(...devices.map((written) => ({ kind, ...readRate(written, kind.endsWith("bps")) })));
  });

/** Taken by update as well. */
export const resourceFlags = {
  blkioWeight: field(text({ help: "Block IO weight (relative weight) accepts a weight value between 10 and 1000." }), (spec, weight) => {
    limits(spec).blkioWeight = readWeight(weight);
  }),
  blkioWeightDevice: field(
    texts({ value: "DEVICE_NAME:WEIGHT", help: "Block IO weight (relative device weight, format: DEVICE_NAME:WEIGHT)" }),
    (spec, devices) => {
      limits(spec).blkioWeightDevice = devices.map(readWeightDevice);
    },
  ),
  cpuPeriod: field(natural({ help: "Limit the CPU CFS (Completely Fair Scheduler) period" }), (spec, microseconds) => {
    limits(spec).cpuPeriodUs = microseconds;
  }),
  cpuQuota: field(whole({ help: "Limit the CPU CFS (Completely Fair Scheduler) quota" }), (spec, microseconds) => {
    limits(spec).cpuQuotaUs = microseconds;
  }),
  cpuRtPeriod: field(natural({ help: "Limit the CPU real-time period in microseconds" }), (spec, microseconds) => {
    limits(spec).cpuRtPeriodUs = microseconds;
  }),
  cpuRtRuntime: field(whole({ help: "Limit the CPU real-time runtime in microseconds" }), (spec, microseconds) => {
    limits(spec).cpuRtRuntimeUs = microseconds;
  }),
  cpuShares: field(natural({ short: "c", help: "CPU shares (relative weight)" }), (spec, shares) => {
    limits(spec).cpuShares = shares;
  }),
  cpus: field(decimal({ help: "Number of CPUs. The default is 0.000 which means no limit" }), (spec, cpus) => {
    limits(spec).cpuPeriodUs = 100_000;
    limits(spec).cpuQuotaUs = Math.round(cpus * 100_000);
  }),
  cpusetCpus: field(text({ help: "CPUs in which to allow execution (0-3, 0,1)" }), (spec, cpus) => {
    limits(spec).cpusetCpus = cpus;
  }),
  cpusetMems: field(
    text({ help: "Memory nodes (MEMs) in which to allow execution (0-3, 0,1). Only effective on NUMA systems." }),
    (spec, nodes) => {
      limits(spec).cpusetMems = nodes;
    },
  ),
  deviceReadBps: throttle("read-bps", "Limit read rate (bytes per second) from a device (e.g. --device-read-bps=/dev/sda:1mb)"),
  deviceReadIops: throttle("read-iops", "Limit read rate (IO per second) from a device (e.g. --device-read-iops=/dev/sda:1000)"),
  deviceWriteBps: throttle("write-bps", "Limit write rate (bytes per second) to a device (e.g. --device-write-bps=/dev/sda:1mb)"),
  deviceWriteIops: throttle("write-iops", "Limit write rate (IO per second) to a device (e.g. --device-write-iops=/dev/sda:1000)"),
  memory: field(bytes({ short: "m", value: size, help: `Memory limit (format: ${size}, ${unit})` }), (spec, memory) => {
    limits(spec).memoryBytes = memory;
    limits(spec).memorySwapBytes ??= memory > 0 ? 2 * memory : undefined;
  }),
  kernelMemory: text({ value: size, help: "Kernel memory limit, no longer supported", hidden: true }),
  memoryReservation: field(bytes({ value: size, help: `Memory soft limit (format: ${size}, ${unit})` }), (spec, memory) => {
    limits(spec).memoryReservationBytes = memory;
  }),
  memorySwap: field(text({ help: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap" }), (spec, swap) => {
    limits(spec).memorySwapBytes = readSwap(swap);
  }),
  memorySwappiness: field(
    whole({ help: "Tune container memory swappiness (0 to 100, or -1 for system default)", fallback: -1 }),
    (spec, swappiness) => {
      if (swappiness > 100 || swappiness < -1) throw refuse(`invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
      if (swappiness >= 0) limits(spec).memorySwappiness = swappiness;
    },
  ),
  pidsLimit: field(whole({ help: "Tune container pids limit (set -1 for unlimited)", shown: "2048" }), (spec, pids) => {
    limits(spec).pidsLimit = pids;
  }),
} as const;

export const limitFlags = {
  ...resourceFlags,
  cgroupConf: field(list({ help: "Configure cgroup v2 (key=value)" }), (spec, lines) => {
    for (const line of lines) {
      const [key, value] = cut(line);
      if (value === undefined) throw refuse("--cgroup-conf must be formatted KEY=VALUE");
      (spec.cgroupConf ??= {})[key] = value;
    }
  }),
  cgroupParent: field(text({ help: "Optional parent cgroup for the container" }), (spec, parent) => {
    spec.cgroupParent = parent;
  }),
  cgroups: field(
    text({ help: 'control container cgroup configuration ("enabled"|"disabled"|"no-conmon"|"split")', shown: '"enabled"' }),
    (spec, mode) => {
      if (mode !== "enabled" && mode !== "disabled" && mode !== "no-conmon" && mode !== "split") {
        throw refuse(`running container create option: invalid cgroup mode ${JSON.stringify(mode)}: invalid argument`);
      }
      spec.cgroups = mode;
    },
  ),
  oomKillDisable: field(toggle({ help: "Disable OOM Killer" }), (spec, on) => {
    limits(spec).oomKillDisable = on;
  }),
  oomScoreAdj: field(whole({ help: "Tune the host's OOM preferences (-1000 to 1000)" }), (spec, score) => {
    if (score < -1000 || score > 1000) throw refuse(`invalid value: ${score}, valid oom-score-adj range is -1000 to 1000`);
    spec.oomScoreAdj = score;
  }),
  rdtClass: field(text({ help: "Class of Service (COS) that the container should be assigned to" }), (spec, name) => {
    spec.rdtClass = name;
  }),
  ulimit: field(list({ help: "Ulimit options" }), (spec, lines) => {
    spec.ulimits = lines.map(readUlimit);
  }),
} as const;
