// ConfigFacts gathered: what the runtime room's pure config needs to know of this container and this host.

import { existsSync, readFileSync } from "node:fs";
import type { ContainerSpec, IdMapping, NamespaceMode } from "../../base/container-spec.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import type { IdMaps } from "../../base/id-mapping.ts";
import { closeQuietly, mkdirat, O_PATH, openDirectory, RESOLVE_IN_ROOT, symlinkat, tryOpenat2 } from "../../kernel/files.ts";
import { getLimit, isLimitName } from "../../kernel/processes.ts";
import { CAP_SYS_RESOURCE, hasCapability, isInInitialUserNamespace, ownIdMaps } from "../../kernel/users.ts";
import { cgroupMode, cgroupPathOf } from "../../runtime/cgroups.ts";
import type { CgroupManager } from "../../runtime/cgroups.ts";
import { devicesOf } from "../../runtime/devices.ts";
import type { ConfigFacts, NamespacePlan, ResolvedMount } from "../../runtime/facts.ts";
import { identityOf } from "../../runtime/identity.ts";
import type { Accounts, Identity } from "../../runtime/identity.ts";
import { seccompCapabilities } from "../../runtime/oci-config.ts";
import { seccompOf } from "../../security/seccomp.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import type { StartUsers } from "../users/start.ts";
import { variables } from "./environment.ts";
import { isInside, makeInside } from "./inside-root.ts";
import { mountShm, shmDirectory } from "./root.ts";

/** What `prepare` has made ready for this start. */
export interface Readied {
  readonly root: string;
  /** Sources are paths of the host. */
  readonly mounts: NonNullable<ContainerSpec["mounts"]>;
  readonly bindMounts: Readonly<Record<string, string>>;
  /** Where the runtime finds the root; absent: at `root`. */
  readonly shownRoot?: string;
  readonly users?: Pick<StartUsers, "maps" | "path">;
  readonly namespace?: string;
  /** The container whose /dev/shm is shared. */
  readonly ipcOwner?: string;
}

export function cgroupManagerOf(host: Host): CgroupManager {
  const asked = host.options.cgroupManager ?? host.conf.engine.cgroup_manager;
  const systemd = existsSync("/run/systemd/system");
  if (asked === "cgroupfs" || !systemd) return "cgroupfs";
  return asked === "systemd" || cgroupMode() === "v2" ? "systemd" : "cgroupfs";
}

function planOf(mode: NamespaceMode | undefined): { path?: string } | undefined {
  if (mode?.kind === "host") return undefined;
  return mode?.kind === "path" ? { path: mode.target ?? "" } : {};
}

function namespacePlan(spec: ContainerSpec, { namespace, users }: Pick<Readied, "namespace" | "users">): NamespacePlan {
  const { pid, ipc, uts, cgroup } = spec.namespaces ?? {};
  const { network } = spec;
  const net = namespace ? { path: namespace } : network?.mode === "path" ? { path: network.target ?? "" } : network?.mode === "host" ? undefined : {};
  const plans = {
    pid: planOf(pid), network: net, ipc: planOf(ipc), uts: planOf(uts),
    user: users?.path ? { path: users.path } : undefined,
    cgroup: cgroup ? planOf(cgroup) : cgroupMode() === "v2" ? {} : undefined,
  };
  return Object.fromEntries(Object.entries(plans).filter(([, plan]) => plan !== undefined)) as NamespacePlan;
}

function shmPathOf(host: Host, record: ContainerRecord, { ipcOwner, mounts }: Readied): string | undefined {
  const kind = record.spec.namespaces?.ipc?.kind ?? "shareable";
  if (mounts.some(({ target }) => target === "/dev/shm")) return undefined;
  if (kind === "host") return "/dev/shm";
  if (ipcOwner && existsSync(shmDirectory(host, ipcOwner))) return shmDirectory(host, ipcOwner);
  return kind === "shareable" ? mountShm(host, record) : undefined;
}

/** HOME is the account's where nobody has set it. */
export function environmentOf(spec: ContainerSpec, identity: Identity): string[] {
  const env = { ...spec.env };
  if (env.HOME === undefined && !spec.unsetEnvAll && !spec.unsetEnv?.includes("HOME")) env.HOME = identity.home;
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

const isWithin = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory.replace(/\/$/, "")}/`);

/** Makes the image's own working directory; one that a person named must be there, in the root or by a mount. */
export function checkWorkdir(record: ContainerRecord, root: string, mounts: readonly { target: string }[]): void {
  const workdir = record.spec.workdir ?? "/";
  if (workdir === "/" || mounts.some(({ target }) => isWithin(workdir, target) || isWithin(target, workdir))) return;
  const rootFd = openDirectory(root);
  try {
    if (isInside(rootFd, workdir)) return;
    if (!record.spec.workdirOfImage) {
      throw new Fault("runtime.failed", `workdir "${workdir}" does not exist on container ${record.id}`, { hint: "make it in the image, mount something there, or choose another with --workdir" });
    }
    makeInside(rootFd, workdir);
  } finally {
    closeQuietly(rootFd);
  }
}

/** /etc/mtab, which older programs read, where the image has an /etc without it. */
function linkMtab(root: string): void {
  const rootFd = openDirectory(root);
  const etc = tryOpenat2(rootFd, "etc", { flags: O_PATH, resolve: RESOLVE_IN_ROOT });
  try {
    if (etc >= 0) symlinkat("/proc/mounts", etc, "mtab");
  } catch (thrown) {
    // There is one, or /etc is no directory: either way it is the image's affair.
    if (!["EEXIST", "ENOTDIR", "EROFS"].includes(errnoOf(thrown) ?? "")) throw thrown;
  } finally {
    if (etc >= 0) closeQuietly(etc);
    closeQuietly(rootFd);
  }
}

/** Of the machine's "tty", as every distribution has it. */
const ttyGroup = 5;

/** A user without ranges has one group only. */
const hasGroup = (id: number): boolean => ownIdMaps("gid").some(({ inside, count }) => id >= inside && id < inside + count);

const processesDefault = 1_048_576;

/** The kernel asks for the capability on the machine itself, not in a user's namespace. */
export const mayRaiseLimits = (): boolean => hasCapability(CAP_SYS_RESOURCE) && isInInitialUserNamespace();

export function hardLimits(): ConfigFacts["hardLimits"] {
  const isFree = mayRaiseLimits();
  return {
    nofile: isFree ? Number.POSITIVE_INFINITY : getLimit("nofile").hard,
    nproc: isFree ? processesDefault : Math.min(getLimit("nproc").hard, processesDefault),
    of: name => isLimitName(name) ? getLimit(name).hard : Number.POSITIVE_INFINITY,
  };
}

/** The files of users as we show them, where they are not the image's. */
function writtenAccounts(shown: Readonly<Record<string, string>>): Pick<Accounts, "passwd" | "group"> {
  const [passwd, group] = ["/etc/passwd", "/etc/group"].map(target => shown[target]);
  return { ...(passwd ? { passwd: readFileSync(passwd, "utf8") } : {}), ...(group ? { group: readFileSync(group, "utf8") } : {}) };
}

/** @throws Fault for users, devices and profiles that are not there */
export async function gatherFacts(host: Host, record: ContainerRecord, readied: Readied): Promise<ConfigFacts> {
  const { id, spec } = record;
  checkWorkdir(record, readied.root, readied.mounts);
  if (!spec.rootfs && !spec.security?.readOnlyRoot) linkMtab(readied.root);
  const identity = identityOf(readied.root, spec.user, { groups: spec.groupAdd ?? [], ...writtenAccounts(readied.bindMounts) });
  const defaults = host.conf.containers.default_capabilities;
  const profile = spec.security?.seccomp ?? (spec.security?.privileged ? "unconfined" : undefined);
  const seccomp = await seccompOf({ ...(profile ? { profile } : {}), capabilities: seccompCapabilities(spec, defaults), keptIn: `${host.paths.runroot}/seccomp` });
  const shmPath = shmPathOf(host, record, readied);
  const cgroupPath = cgroupPathOf(spec, id, cgroupManagerOf(host), { rootless: host.rootless });
  return {
    id,
    rootPath: readied.shownRoot ?? readied.root,
    identity,
    files: readied.bindMounts,
    ...(shmPath ? { shmPath } : {}),
    mounts: readied.mounts as readonly ResolvedMount[],
    namespaces: namespacePlan(spec, readied),
    ...(readied.users?.maps ? { idMaps: idMapsOf(readied.users.maps) } : {}),
    cgroups: { mode: cgroupMode(), ...(cgroupPath ? { path: cgroupPath } : {}) },
    hardLimits: hardLimits(),
    mayRaiseLimits: mayRaiseLimits(),
    rootless: host.rootless,
    ...(seccomp ? { seccomp } : {}),
    ...(host.conf.containers.apparmor_profile ? { apparmorConfigured: host.conf.containers.apparmor_profile } : {}),
    devices: devicesOf(spec, host.rootless),
    ...(spec.initPath ? { initPath: spec.initPath } : {}),
    hostname: spec.hostname ?? "",
    ...(hasGroup(ttyGroup) ? { ttyGroup } : {}),
    defaultSysctl: variables(host.conf.containers.default_sysctls ?? ["net.ipv4.ping_group_range=0 0"]),
    ...(defaults ? { capabilityDefaults: defaults } : {}),
    pidsLimitDefault: 2048,
    env: environmentOf(spec, identity),
  };
}

function idMapsOf({ uid, gid }: IdMaps): NonNullable<ConfigFacts["idMaps"]> {
  const oci = (maps: readonly IdMapping[]) => maps.map(({ containerId, hostId, size }) => ({ containerID: containerId, hostID: hostId, size }));
  return { uid: oci(uid), gid: oci(gid) };
}
