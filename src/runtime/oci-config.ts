// ociConfig: a container's config.json, computed from its spec and the facts about it. Pure: no file is read here.
// Source: OCI runtime-spec config.md and config-linux.md.

import type { ContainerSpec, Ulimit } from "../base/container-spec.ts";
import { apparmorOf } from "../security/apparmor.ts";
import { capabilitySet, processCapabilities } from "../security/capabilities.ts";
import type { ConfigFacts } from "./facts.ts";
import { bindsDevices, initDestination, maskedPathsDefault, mountsOf, readonlyPathsDefault } from "./mounts.ts";
import type { OciConfig, OciProcess } from "./oci.ts";
import { resourcesOf } from "./resources.ts";

const nofileDefault = 1_048_576;

/** @throws Fault "usage.invalid" for capabilities that do not exist or cannot be had */
export function ociConfig(spec: ContainerSpec, facts: ConfigFacts): OciConfig {
  const security = spec.security ?? {};
  const ownUts = facts.namespaces.uts !== undefined && facts.namespaces.uts.path === undefined;
  return {
    // As old as what we use allows: runtimes of Debian 12 refuse newer ones.
    ociVersion: "1.1.0",
    process: processOf(spec, facts),
    root: { path: facts.rootPath, ...(security.readOnlyRoot ? { readonly: true } : {}) },
    ...(ownUts ? { hostname: facts.hostname } : {}),
    mounts: mountsOf(spec, facts),
    annotations: annotationsOf(spec, facts),
    linux: {
      ...(facts.idMaps ? { uidMappings: facts.idMaps.uid, gidMappings: facts.idMaps.gid } : {}),
      ...sysctlOf(spec, facts),
      resources: resourcesOf(spec, {
        pidsLimitDefault: facts.pidsLimitDefault, rootless: facts.rootless, devices: facts.devices,
        ownUsers: facts.namespaces.user !== undefined, mode: facts.cgroups.mode,
      }),
      ...(facts.cgroups.path === undefined ? {} : { cgroupsPath: facts.cgroups.path }),
      namespaces: namespacesOf(facts),
      ...(facts.devices.length > 0 && !bindsDevices(facts) ? { devices: facts.devices.map(({ source: _, ...device }) => device) } : {}),
      ...(facts.seccomp ? { seccomp: facts.seccomp } : {}),
      ...hiddenPaths(spec),
      ...(security.mountLabel ? { mountLabel: security.mountLabel } : {}),
      ...propagationOf(facts),
      ...(spec.rdtClass ? { intelRdt: { closID: spec.rdtClass } } : {}),
      ...(spec.personality ? { personality: { domain: spec.personality } } : {}),
    },
  };
}

function processOf(spec: ContainerSpec, facts: ConfigFacts): OciProcess {
  const { identity } = facts;
  const security = spec.security ?? {};
  const argv = spec.argv ?? [];
  const apparmor = apparmorOf({ asked: security.apparmor, privileged: security.privileged, configured: facts.apparmorConfigured }, facts.apparmor);
  const umask = Number.parseInt(spec.umask ?? "0022", 8);
  return {
    ...(spec.terminal ? { terminal: true } : {}),
    user: { uid: identity.uid, gid: identity.gid, umask, additionalGids: identity.additionalGids },
    args: spec.init && facts.initPath ? [initDestination, "--", ...argv] : argv,
    env: facts.env,
    cwd: spec.workdir ?? "/",
    capabilities: processCapabilities(wishesOf(spec, facts), identity.uid === 0),
    rlimits: rlimitsOf(spec.ulimits ?? [], facts),
    ...(security.noNewPrivileges ? { noNewPrivileges: true } : {}),
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
    ...(security.processLabel ? { selinuxLabel: security.processLabel } : {}),
    ...(spec.oomScoreAdj === undefined ? {} : { oomScoreAdj: spec.oomScoreAdj }),
  };
}

export interface ExecAsked {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly terminal: boolean;
  readonly privileged: boolean;
}

/** The process of an exec session: as the container's own, but for what was asked. */
export function execProcess(spec: ContainerSpec, facts: ConfigFacts, asked: ExecAsked): OciProcess {
  const own = processOf(spec, facts);
  const all = capabilitySet({ privileged: true });
  return {
    ...own,
    terminal: asked.terminal,
    args: asked.args,
    env: asked.env,
    cwd: asked.cwd,
    ...(asked.privileged ? { selinuxLabel: undefined, capabilities: { bounding: all, effective: all, permitted: all, inheritable: all, ambient: all } } : {}),
  };
}

const wishesOf = (spec: ContainerSpec, facts: ConfigFacts) => ({
  privileged: spec.security?.privileged ?? false,
  add: spec.security?.capAdd ?? [],
  drop: spec.security?.capDrop ?? [],
  ...(facts.capabilityDefaults ? { defaults: facts.capabilityDefaults } : {}),
});

/** Of the bounding set, which seccomp's conditions look at. */
export const seccompCapabilities = (spec: ContainerSpec, defaults?: readonly string[]): string[] =>
  capabilitySet({
    privileged: spec.security?.privileged ?? false,
    add: spec.security?.capAdd ?? [],
    drop: spec.security?.capDrop ?? [],
    ...(defaults ? { defaults } : {}),
  });

/** Never above our own hard limits unless we may raise them: every runtime fails there. */
function rlimitsOf(asked: readonly Ulimit[], facts: ConfigFacts): OciProcess["rlimits"] {
  const limits = new Map<string, { soft: number; hard: number }>();
  if (!asked.some(({ name }) => name === "host")) {
    const files = Math.min(nofileDefault, facts.hardLimits.nofile);
    const processes = facts.hardLimits.nproc;
    limits.set("nofile", { soft: files, hard: files });
    limits.set("nproc", { soft: processes, hard: processes });
  }
  for (const { name, soft, hard } of asked) {
    if (name === "host") continue;
    const top = facts.mayRaiseLimits ? Infinity : facts.hardLimits.of(name);
    const value = (number: number): number => Math.min(number === -1 ? Infinity : number, top);
    limits.set(name, { soft: value(soft), hard: value(hard) });
  }
  // RLIM_INFINITY is 2^64 - 1, which no JSON number of ours holds: bundle.ts writes it in digits.
  return [...limits].map(([name, { soft, hard }]) => ({ type: `RLIMIT_${name.toUpperCase()}`, hard, soft }));
}

function annotationsOf(spec: ContainerSpec, facts: ConfigFacts): Record<string, string> {
  const stopSignal = spec.stopSignal ?? 15;
  const flags: Record<string, string> = {};
  if (spec.init) flags["io.podman.annotations.init"] = "TRUE";
  if (spec.security?.privileged) flags["io.podman.annotations.privileged"] = "TRUE";
  if (spec.publishAll) flags["io.podman.annotations.publish-all"] = "TRUE";
  if (spec.remove) flags["io.podman.annotations.autoremove"] = "TRUE";
  if (spec.resources?.pidsLimit !== undefined) flags["io.podman.annotations.pids-limit"] = String(spec.resources.pidsLimit);
  if (spec.resources?.cpusetCpus) flags["io.podman.annotations.cpuset"] = spec.resources.cpusetCpus;
  if (spec.security?.seccomp) flags["io.podman.annotations.seccomp"] = spec.security.seccomp;
  if (spec.security?.apparmor) flags["io.podman.annotations.apparmor"] = spec.security.apparmor;
  if (facts.namespaces.user && facts.namespaces.user.path === undefined) flags["io.podman.annotations.userns"] = "private";
  if (spec.security?.labels?.length) flags["io.podman.annotations.label"] = spec.security.labels.join(",");
  if (spec.groupAdd?.includes("keep-groups")) flags["run.oci.keep_original_groups"] = "1";
  return {
    "io.container.manager": "libpod",
    ...flags,
    "org.opencontainers.image.stopSignal": String(stopSignal),
    "org.systemd.property.KillSignal": String(stopSignal),
    "org.systemd.property.TimeoutStopUSec": `uint64 ${(spec.stopTimeout ?? 10) * 1_000_000}`,
    ...spec.annotations,
  };
}

function sysctlOf(spec: ContainerSpec, facts: ConfigFacts): { sysctl?: Record<string, string> } {
  const ownNetwork = facts.namespaces.network !== undefined;
  const ownIpc = facts.namespaces.ipc !== undefined;
  const fits = ([name]: [string, string]): boolean =>
    name.startsWith("net.") ? ownNetwork : name.startsWith("kernel.") || name.startsWith("fs.mqueue.") ? ownIpc : true;
  const defaults = Object.entries(facts.defaultSysctl ?? {}).filter(fits);
  const sysctl = { ...Object.fromEntries(defaults), ...spec.sysctl };
  return Object.keys(sysctl).length > 0 ? { sysctl } : {};
}

function namespacesOf(facts: ConfigFacts): OciConfig["linux"]["namespaces"] {
  const order = ["pid", "network", "ipc", "uts", "user", "cgroup"] as const;
  const chosen = order.flatMap(type => {
    const plan = facts.namespaces[type];
    return plan ? [plan.path === undefined ? { type } : { type, path: plan.path }] : [];
  });
  return [...chosen, { type: "mount" }];
}

function hiddenPaths(spec: ContainerSpec): { maskedPaths?: string[]; readonlyPaths?: string[] } {
  const { privileged, mask = [], unmask = [], labels = [] } = spec.security ?? {};
  if (privileged) return mask.length > 0 ? { maskedPaths: [...mask] } : {};
  const isShown = (path: string): boolean =>
    path === "/sys/fs/selinux" && labels.includes("nested") || unmask.some(pattern => pattern.toUpperCase() === "ALL" || new Bun.Glob(pattern).match(path));
  return {
    maskedPaths: [...maskedPathsDefault.filter(path => !isShown(path)), ...mask],
    readonlyPaths: readonlyPathsDefault.filter(path => !isShown(path)),
  };
}

/** A shared or slave mount inside needs the root to propagate too. */
function propagationOf(facts: ConfigFacts): { rootfsPropagation?: string } {
  const options = facts.mounts.flatMap(mount => mount.options);
  if (options.some(option => option === "shared" || option === "rshared")) return { rootfsPropagation: "shared" };
  if (options.some(option => option === "slave" || option === "rslave")) return { rootfsPropagation: "rslave" };
  return {};
}
