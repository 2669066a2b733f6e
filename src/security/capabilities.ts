// Linux capabilities of a container's process: the default set, what is added and dropped.
// Source: capabilities(7); podman-run(1), --cap-add, --cap-drop.

import { Fault } from "../base/fault.ts";
import { boundingCapabilities } from "../kernel/users.ts";

/** By number, as the kernel counts them. */
export const capabilityNames: readonly string[] = [
  "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
  "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
  "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
  "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
].map(name => `CAP_${name}`);

/** What a container has when nothing is asked for. */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
  "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
];

export interface CapabilityWishes {
  readonly privileged?: boolean;
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
  /** containers.conf's default_capabilities; absent is `defaultCapabilities`. */
  readonly defaults?: readonly string[];
}

/** "net_admin" → "CAP_NET_ADMIN". @throws Fault "usage.invalid" */
export function capabilityName(written: string): string {
  const upper = written.toUpperCase();
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (capabilityNames.includes(name)) return name;
  throw new Fault("usage.invalid", `unknown capability ${JSON.stringify(written)}: not in the list of capabilities`, {
    hint: "the names are in capabilities(7), with or without CAP_",
  });
}

/** What we may give at all. */
export function boundedCapabilities(): string[] {
  const bits = boundingCapabilities();
  return capabilityNames.filter((_, number) => ((bits >> BigInt(number)) & 1n) === 1n);
}

const isAll = (word: string): boolean => word.toUpperCase() === "ALL";

/** The bounding set, sorted by name. @throws Fault "usage.invalid" */
export function capabilitySet(wishes: CapabilityWishes, bounding: readonly string[] = boundedCapabilities()): string[] {
  const add = (wishes.add ?? []).filter(word => !isAll(word)).map(capabilityName);
  const drop = (wishes.drop ?? []).filter(word => !isAll(word)).map(capabilityName);
  const both = add.find(name => drop.includes(name));
  if (both) throw new Fault("usage.invalid", `capability "${both}" cannot be dropped and added`);
  const addsAll = wishes.privileged || (wishes.add ?? []).some(isAll);
  // As podman has it: a privileged process keeps all that can be had.
  const dropsAll = !wishes.privileged && (wishes.drop ?? []).some(isAll);
  const base = dropsAll ? [] : addsAll ? bounding : (wishes.defaults ?? defaultCapabilities).map(capabilityName);
  const missing = wishes.privileged ? undefined : add.find(name => !bounding.includes(name));
  if (missing) {
    throw new Fault("usage.invalid", `cannot add capability "${missing}": it is not available in the current environment`);
  }
  const taken = wishes.privileged ? [] : drop;
  const chosen = new Set([...base.filter(name => !taken.includes(name)), ...add].filter(name => bounding.includes(name)));
  return [...chosen].sort();
}

/** The five sets of OCI's process.capabilities; a process that is not root has only what was added by name. */
export function processCapabilities(wishes: CapabilityWishes, isRoot: boolean): Record<string, string[]> {
  const bounding = capabilitySet(wishes);
  if (isRoot) return { bounding, effective: bounding, permitted: bounding };
  const added = (wishes.add ?? []).filter(word => !isAll(word)).map(capabilityName).filter(name => bounding.includes(name));
  const kept = (wishes.add ?? []).some(isAll) ? bounding : added.sort();
  return kept.length === 0 ? { bounding } : { bounding, effective: kept, permitted: kept, inheritable: kept, ambient: kept };
}
