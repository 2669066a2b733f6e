// The mounts of a container: the defaults of every container, our files, and what the person asked for, in order of depth.
// Source: OCI runtime-spec config.md "Mounts"; podman-run(1).

import type { ContainerSpec } from "../base/container-spec.ts";
import type { ConfigFacts, ResolvedMount } from "./facts.ts";
import type { OciMount } from "./oci.ts";

const shmBytesDefault = 64 * 1024 * 1024;

export const maskedPathsDefault: readonly string[] = [
  "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
  "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux", "/proc/interrupts",
];
export const readonlyPathsDefault: readonly string[] = [
  "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
];

/** All mounts, those nearer the root first. */
export function mountsOf(spec: ContainerSpec, facts: ConfigFacts): OciMount[] {
  const byTarget = new Map<string, OciMount>();
  const put = (mount: OciMount): void => void byTarget.set(mount.destination, mount);
  for (const mount of defaultMounts(spec, facts)) put(mount);
  for (const mount of readOnlyRootMounts(spec)) put(mount);
  if (spec.systemd === "always") for (const mount of systemdMounts(spec)) put(mount);
  for (const mount of deviceMounts(facts)) put(mount);
  for (const mount of fileMounts(spec, facts)) put(mount);
  // Who brings a /dev of his own means what is in it, too; only the shared memory stays the container's.
  if (facts.mounts.some(({ target }) => target === "/dev")) {
    for (const target of byTarget.keys()) if (target.startsWith("/dev/") && target !== "/dev/shm") byTarget.delete(target);
  }
  for (const mount of facts.mounts) put(userMount(mount));
  if (spec.init && facts.initPath) {
    put({ destination: initDestination, type: "bind", source: facts.initPath, options: ["bind", "private", "ro"] });
  }
  return [...byTarget.values()].sort((a, b) => depth(a.destination) - depth(b.destination));
}

export const initDestination = "/run/podman-init";

const depth = (path: string): number => path.split("/").filter(Boolean).length;

function defaultMounts(spec: ContainerSpec, facts: ConfigFacts): OciMount[] {
  const { pid, ipc } = spec.namespaces ?? {};
  const foreign = facts.rootless || facts.namespaces.user !== undefined;
  const tty = facts.ttyGroup === undefined || !isMapped(facts.ttyGroup, facts) ? [] : [`gid=${facts.ttyGroup}`];
  const sys = sysMounts(spec, facts);
  return [
    pid?.kind === "host" && foreign
      ? { destination: "/proc", type: "bind", source: "/proc", options: ["rbind", ...safest] }
      : { destination: "/proc", type: "proc", source: "proc", options: spec.security?.procOptions ?? safest },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k", ...frozen(spec)] },
    sys[0],
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...tty] },
    ipc?.kind === "host" && foreign
      ? { destination: "/dev/mqueue", type: "bind", source: "/dev/mqueue", options: ["bind", ...safest] }
      : { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safest },
    ...shmMounts(spec, facts),
    sys[1],
  ];
}

/** Nobody makes device nodes in a user namespace: the host's own are shown. */
export const bindsDevices = ({ rootless, namespaces }: ConfigFacts): boolean => rootless || namespaces.user !== undefined;

function deviceMounts(facts: ConfigFacts): OciMount[] {
  if (!bindsDevices(facts)) return [];
  return facts.devices.map(({ source, path }) => ({ destination: path, type: "bind", source, options: ["bind", "rprivate", "nosuid", "noexec"] }));
}

const safest: readonly string[] = ["nosuid", "noexec", "nodev"];

/** Whether the group exists in the container's user namespace. */
const isMapped = (gid: number, { idMaps }: ConfigFacts): boolean =>
  !idMaps || idMaps.gid.some(({ containerID, size }) => containerID <= gid && gid < containerID + size);

/** With --read-only and no tmpfs even /dev is fixed. */
const frozen = (spec: ContainerSpec): string[] =>
  spec.security?.readOnlyRoot && spec.security.readWriteTmpfs === false ? ["ro"] : [];

/** /sys and the cgroups in it. A new sysfs shows a network namespace, and is refused to whom that does not belong. */
function sysMounts(spec: ContainerSpec, facts: ConfigFacts): [OciMount, OciMount] {
  const access = spec.security?.privileged ? "rw" : "ro";
  const options = ["rprivate", ...safest];
  if (!ownsNetwork(spec, facts)) {
    return [
      { destination: "/sys", type: "bind", source: "/sys", options: [...options, access, "rbind"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "/sys/fs/cgroup", options: [...options, access] },
    ];
  }
  const isShown = facts.cgroups.mode === "v2" && (spec.security?.unmask ?? []).some(path => /^(all|\/sys\/fs\/cgroup\/?)$/i.test(path));
  return [
    { destination: "/sys", type: "sysfs", source: "sysfs", options: access === "rw" ? [...options, access] : [...safest, access] },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...options, "relatime", isShown ? "rw" : access] },
  ];
}

function ownsNetwork(spec: ContainerSpec, facts: ConfigFacts): boolean {
  const isHost = facts.namespaces.network === undefined;
  if (facts.namespaces.user === undefined) return !(isHost && facts.rootless);
  return !isHost && !["host", "container", "path", "pod"].includes(spec.network?.mode ?? "private");
}

function shmMounts(spec: ContainerSpec, facts: ConfigFacts): OciMount[] {
  if (spec.namespaces?.ipc?.kind === "none") return [];
  const options = ["rprivate", ...safest, ...frozen(spec)];
  if (facts.shmPath) return [{ destination: "/dev/shm", type: "bind", source: facts.shmPath, options: ["bind", ...options] }];
  const size = spec.shmBytes ?? shmBytesDefault;
  return [{ destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...options.slice(1), "mode=1777", `size=${size}`] }];
}

/** What stays writable below a root that is not. */
function readOnlyRootMounts(spec: ContainerSpec): OciMount[] {
  const { readOnlyRoot, readWriteTmpfs = true } = spec.security ?? {};
  if (!readOnlyRoot || !readWriteTmpfs) return [];
  return ["/run", "/tmp", "/var/tmp"].map(destination => ({
    destination, type: "tmpfs", source: "tmpfs", options: ["rw", "rprivate", "nosuid", "nodev", "tmpcopyup"],
  }));
}

/** Where systemd in a container writes. Source: systemd's CONTAINER_INTERFACE. */
function systemdMounts({ shmSystemdBytes }: ContainerSpec): OciMount[] {
  const size = shmSystemdBytes === undefined ? [] : [`size=${shmSystemdBytes}`];
  const tmpfs = (destination: string, mode: string): OciMount =>
    ({ destination, type: "tmpfs", source: "tmpfs", options: ["rw", "rprivate", "nosuid", "nodev", "tmpcopyup", `mode=${mode}`, ...size] });
  return [tmpfs("/run", "0755"), tmpfs("/run/lock", "0755"), tmpfs("/tmp", "1777"), tmpfs("/var/log/journal", "0755")];
}

function fileMounts(spec: ContainerSpec, facts: ConfigFacts): OciMount[] {
  const fixed = spec.security?.readOnlyRoot ? ["ro", "nosuid", "noexec", "nodev"] : [];
  return Object.entries(facts.files).map(([destination, source]) => ({
    destination, type: "bind", source, options: ["bind", "rprivate", ...fixed],
  }));
}

const propagations = /^r?(private|shared|slave|unbindable)$/;
const internal = /^(copy|nocopy|tmpcopyup|notmpcopyup|no-dereference|U|z|Z|O|volume-opt=.*|upperdir=.*|workdir=.*|uid=.*|gid=.*|type=.*|o=.*|device=.*)$/;

/** One mount of the person's, with the options every such mount has. */
export function userMount(mount: ResolvedMount): OciMount {
  const given = mount.options.filter(option => !["ro", "rw"].includes(option));
  const isFlat = given.includes("bind") && !given.includes("rbind");
  const propagation = given.some(option => propagations.test(option)) ? [] : [isFlat ? "private" : "rprivate"];
  const access = mount.readOnly ?? mount.options.includes("ro") ? ["ro"] : mount.options.filter(option => option === "rw").slice(0, 1);
  if (mount.kind === "tmpfs" || mount.kind === "ramfs") return memoryMount(mount, given, [...propagation, ...access]);
  if (mount.kind === "devpts") {
    return { destination: mount.target, type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", ...given] };
  }
  const kept = given.filter(option => !internal.test(option));
  const bind = kept.includes("bind") || kept.includes("rbind") ? [] : ["rbind"];
  const isVolume = mount.kind === "volume" || mount.kind === "image";
  const safe = isVolume ? unless(kept, ["nosuid", "nodev"]) : [];
  const idmap = mount.idmap === undefined ? [] : [mount.idmap === "" ? "idmap" : `idmap=${mount.idmap}`];
  return {
    destination: mount.target, type: "bind", source: mount.source,
    options: [...kept, ...bind, ...propagation, ...access, ...safe, ...idmap],
  };
}

function memoryMount(mount: ResolvedMount, given: readonly string[], fixed: readonly string[]): OciMount {
  const copies = given.includes("notmpcopyup") ? [] : ["tmpcopyup"];
  const kept = given.filter(option => !["tmpcopyup", "notmpcopyup", "dev", "exec", "suid"].includes(option));
  const safe = unless(given, ["nosuid", "nodev"]);
  return {
    destination: mount.target, type: mount.kind === "ramfs" ? "ramfs" : "tmpfs", source: mount.kind,
    options: [...kept, ...fixed, ...safe, ...(mount.kind === "tmpfs" ? copies : [])],
  };
}

/** Those of `wanted` that are neither there nor taken back ("suid" takes back "nosuid"). */
function unless(given: readonly string[], wanted: readonly string[]): string[] {
  return wanted.filter(option => !given.includes(option) && !given.includes(option.slice(2)));
}
