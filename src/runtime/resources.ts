// linux.resources: a container's limits and device rules in OCI's terms.
// Source: OCI runtime-spec config-linux.md "Control groups"; podman-run(1), --device-cgroup-rule.

import type { ContainerSpec, ResourceLimits } from "../base/container-spec.ts";
import { Fault } from "../base/fault.ts";
import { cgroupMode, type CgroupMode } from "./cgroups.ts";
import { deviceOf } from "./devices.ts";
import type { OciDevice } from "./oci.ts";

export interface LimitFacts {
  readonly pidsLimitDefault: number;
  readonly rootless: boolean;
  readonly devices: readonly OciDevice[];
  /** Whether the container has a user namespace of its own. */
  readonly ownUsers: boolean;
  readonly mode?: CgroupMode;
}

/** linux.resources. */
export function resourcesOf(spec: ContainerSpec, facts: LimitFacts): Record<string, unknown> {
  const limits = spec.resources ?? {};
  const pids = limits.pidsLimit ?? facts.pidsLimitDefault;
  const wantsPids = limits.pidsLimit !== undefined || !facts.rootless || (facts.mode ?? cgroupMode()) === "v2";
  const rules = deviceRules(spec, facts);
  const found: Record<string, unknown> = rules.length > 0 ? { devices: rules } : {};
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

function deviceRules(spec: ContainerSpec, { devices, ownUsers, rootless }: LimitFacts): unknown[] {
  if (spec.security?.privileged) return [{ allow: true, access: "rwm" }];
  const access = new Map((spec.devices ?? []).map(device => [device.target, device.access]));
  const own = devices.map(({ path, type, major, minor }) => ({ allow: true, type, major, minor, access: accessOf(access, path) }));
  // In a user namespace no device can be made that the host did not give, and no rule could be set without root.
  const first = ownUsers || rootless ? [] : [{ allow: false, access: "rwm" }];
  return [...first, ...own, ...(rootless ? [] : (spec.deviceCgroupRules ?? []).map(readDeviceRule))];
}

/** A device below a directory that was asked for has the directory's access. */
function accessOf(access: ReadonlyMap<string, string>, path: string): string {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = access.get(at);
    if (found !== undefined) return found;
  }
  return "rwm";
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
