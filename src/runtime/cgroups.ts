// Control groups: how this host has them, where a container's lies, and its limits in OCI's terms.
// Source: cgroups(7), OCI runtime-spec config-linux.md "Control groups".

import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import type { ContainerSpec, ResourceLimits } from "../base/container-spec.ts";
import { Fault } from "../base/fault.ts";
import { deviceOf } from "./devices.ts";
import type { OciDevice } from "./oci.ts";

/** "hybrid": v1 controllers with a v2 tree mounted at "unified". */
export type CgroupMode = "v1" | "hybrid" | "v2";
export type CgroupManager = "cgroupfs" | "systemd";

const base = "/sys/fs/cgroup";

export function cgroupMode(): CgroupMode {
  if (existsSync(`${base}/cgroup.controllers`)) return "v2";
  return existsSync(`${base}/unified/cgroup.controllers`) ? "hybrid" : "v1";
}

export const isSystemdRunning = (): boolean => existsSync("/run/systemd/system");

/** OCI's cgroupsPath: a slice triple under systemd, else a path. */
export function cgroupPathOf(spec: ContainerSpec, id: string, manager: CgroupManager): string | undefined {
  if (spec.cgroups === "disabled") return undefined;
  if (manager === "systemd") return `${(spec.cgroupParent ?? "machine.slice").split("/").at(-1)}:libpod:${id}`;
  return `${spec.cgroupParent ?? "/libpod_parent"}/libpod-${id}`;
}

/** Where the processes of a container's cgroup are listed, by hierarchy; only those that exist. */
export function cgroupDirectories(path: string, mode: CgroupMode = cgroupMode()): string[] {
  const relative = path.replace(/^\/+/, "");
  if (mode === "v2") return [`${base}/${relative}`].filter(existsSync);
  return readdirSync(base).map(controller => `${base}/${controller}/${relative}`).filter(existsSync);
}

/** Process IDs in the cgroup and below it. */
export function processesOf(path: string): number[] {
  const pids = new Set<number>();
  const visit = (directory: string, depth: number): void => {
    for (const line of readLines(`${directory}/cgroup.procs`)) pids.add(Number(line));
    if (depth > 32) return;
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) visit(`${directory}/${entry.name}`, depth + 1);
  };
  for (const directory of cgroupDirectories(path)) visit(directory, 0);
  return [...pids];
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** What a runtime left behind; empty ones only, so nothing that lives is touched. */
export function removeCgroup(path: string): void {
  for (const directory of cgroupDirectories(path)) {
    try {
      rmdirSync(directory);
    } catch {
      // Not empty or gone already: the next cleanup meets it again.
    }
  }
}

/** Moves a process of ours, such as conmon, out of the way of a container's limits. */
export function joinCgroup(path: string, pid: number): boolean {
  const directories = cgroupDirectories(path);
  for (const directory of directories) writeFileSync(`${directory}/cgroup.procs`, String(pid));
  return directories.length > 0;
}

interface LimitFacts {
  readonly pidsLimitDefault: number;
  readonly rootless: boolean;
  readonly devices: readonly OciDevice[];
}

/** linux.resources. */
export function resourcesOf(spec: ContainerSpec, facts: LimitFacts): Record<string, unknown> {
  const limits = spec.resources ?? {};
  const pids = limits.pidsLimit ?? facts.pidsLimitDefault;
  const wantsPids = limits.pidsLimit !== undefined || !facts.rootless || cgroupMode() === "v2";
  const found: Record<string, unknown> = { devices: deviceRules(spec, facts.devices) };
  const memory = memoryOf(limits);
  if (memory) found.memory = memory;
  const cpu = cpuOf(limits);
  if (cpu) found.cpu = cpu;
  if (spec.cgroups !== "disabled" && wantsPids && pids !== 0) found.pids = { limit: pids };
  const block = blockOf(limits);
  if (block) found.blockIO = block;
  const unified = { ...limits.unified, ...spec.cgroupConf };
  if (Object.keys(unified).length > 0) found.unified = unified;
  return found;
}

function present<T extends Record<string, unknown>>(values: T): T | undefined {
  const kept = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
  return Object.keys(kept).length > 0 ? kept : undefined;
}

const memoryOf = (limits: ResourceLimits) =>
  present({
    limit: limits.memoryBytes,
    reservation: limits.memoryReservationBytes,
    swap: limits.memorySwapBytes,
    swappiness: limits.memorySwappiness,
    disableOOMKiller: limits.oomKillDisable || undefined,
  });

const cpuOf = (limits: ResourceLimits) =>
  present({
    shares: limits.cpuShares,
    quota: limits.cpuQuotaUs,
    period: limits.cpuPeriodUs,
    realtimeRuntime: limits.cpuRtRuntimeUs,
    realtimePeriod: limits.cpuRtPeriodUs,
    cpus: limits.cpusetCpus,
    mems: limits.cpusetMems,
  });

const throttleNames = {
  "read-bps": "throttleReadBpsDevice", "write-bps": "throttleWriteBpsDevice",
  "read-iops": "throttleReadIOPSDevice", "write-iops": "throttleWriteIOPSDevice",
} as const;

function blockOf(limits: ResourceLimits): Record<string, unknown> | undefined {
  const found: Record<string, unknown> = {};
  if (limits.blkioWeight !== undefined) found.weight = limits.blkioWeight;
  if (limits.blkioWeightDevice) found.weightDevice = limits.blkioWeightDevice.map(({ path, weight }) => ({ ...numberOf(path), weight }));
  for (const { kind, path, rate } of limits.throttle ?? []) {
    ((found[throttleNames[kind]] ??= []) as unknown[]).push({ ...numberOf(path), rate });
  }
  return present(found);
}

/** Major and minor number of a device file. */
function numberOf(path: string): { major: number; minor: number } {
  const { major = 0, minor = 0 } = deviceOf(path, path);
  return { major, minor };
}

function deviceRules(spec: ContainerSpec, devices: readonly OciDevice[]): unknown[] {
  const userns = spec.namespaces?.user;
  if (spec.security?.privileged || (userns && userns.kind !== "host")) return [{ allow: true, access: "rwm" }];
  const access = new Map((spec.devices ?? []).map(device => [device.target, device.access]));
  const own = devices.map(({ path, type, major, minor }) => ({ allow: true, type, major, minor, access: access.get(path) ?? "rwm" }));
  return [{ allow: false, access: "rwm" }, ...own, ...(spec.deviceCgroupRules ?? []).map(readDeviceRule)];
}

/**
 * "c 42:* rwm". A number that is not one would mean every device to the runtime, so all is checked.
 *
 * @throws Fault "usage.invalid"
 */
export function readDeviceRule(text: string): { allow: true; type: string; major?: number; minor?: number; access: string } {
  const found = /^([abc])\s+(\d{1,9}|\*):(\d{1,9}|\*)\s+([rwm]{1,3})$/.exec(text.trim());
  if (!found) {
    throw new Fault("usage.invalid", `invalid device cgroup rule requires type, major:Minor, and access rules: ${JSON.stringify(text)}`, {
      hint: 'write it as "c 42:* rwm"',
    });
  }
  const [, type, major, minor, access] = found as unknown as [string, string, string, string, string];
  return {
    allow: true, type, access,
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
  };
}
