// The Config and HostConfig of inspect.

import { humanSizeTight } from "../../base/bytes.ts";
import type { ContainerSpec, MountSpec, NamespaceMode, NetworkSpec } from "../../base/container-spec.ts";
import type { IdMaps } from "../../base/id-mapping.ts";
import { GoDuration } from "../../base/duration.ts";
import type { Healthcheck } from "../../base/oci-image.ts";
import { signalName } from "../../base/signals.ts";
import { capabilitySet } from "../../security/capabilities.ts";
import { cgroupMode } from "../../runtime/cgroups.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { cgroupManagerOf } from "./config-facts.ts";
import { logPath } from "./logs.ts";
import { portBindings } from "./inspect-network.ts";
import { mapsOfSpec } from "../users/start.ts";
import { getVolume } from "../volumes/volumes.ts";

const orNull = <T>(list: readonly T[] | undefined): readonly T[] | null => list?.length ? list : null;

export function annotationsOf(spec: ContainerSpec): Record<string, string> {
  return {
    ...spec.annotations,
    ...(spec.cidfile ? { "io.podman.annotations.cid-file": spec.cidfile } : {}),
    ...(spec.remove ? { "io.podman.annotations.autoremove": "TRUE" } : {}),
    ...(spec.removeImage ? { "io.podman.annotations.autoremove-image": "TRUE" } : {}),
    ...(spec.security?.privileged ? { "io.podman.annotations.privileged": "TRUE" } : {}),
    ...(spec.init ? { "io.podman.annotations.init": "TRUE" } : {}),
    ...(spec.publishAll ? { "io.podman.annotations.publish-all": "TRUE" } : {}),
    "org.opencontainers.image.stopSignal": String(spec.stopSignal ?? 15),
    "org.systemd.property.KillSignal": String(spec.stopSignal ?? 15),
    "org.systemd.property.TimeoutStopUSec": `uint64 ${(spec.stopTimeout ?? 10) * 1_000_000}`,
  };
}

function exposedPorts(spec: ContainerSpec): { ExposedPorts?: Record<string, object> } {
  const all = [...(spec.expose ?? []), ...Object.keys(portBindings(spec))];
  return all.length > 0 ? { ExposedPorts: Object.fromEntries(all.sort().map(port => [port, {}])) } : {};
}

/** That there is a secret, never what it says. */
function hiddenEnvironment({ secrets = [] }: ContainerSpec): string[] {
  return secrets.filter(({ type }) => type === "env").map(({ source, target }) => `${target ?? source}=*******`);
}

function secretsOf({ secrets = [] }: ContainerSpec): { Secrets?: Record<string, unknown>[] } {
  const mounted = secrets.filter(({ type }) => type === "mount");
  if (mounted.length === 0) return {};
  return { Secrets: mounted.map(({ source, id = "", uid = 0, gid = 0, mode = 0o444 }) => ({ Name: source, ID: id, UID: uid, GID: gid, Mode: mode })) };
}

/** Times show as "30s" in templates, and stay numbers in JSON. */
function checkOf(check: Healthcheck): Record<string, unknown> {
  const times = (["Interval", "Timeout", "StartPeriod", "StartInterval"] as const).flatMap(name => check[name] === undefined ? [] : [[name, new GoDuration(check[name])]]);
  return { ...check, ...Object.fromEntries(times) };
}

export function configOf({ spec }: ContainerRecord): Record<string, unknown> {
  const { health } = spec;
  return {
    Hostname: spec.hostname ?? "", Domainname: "", User: spec.user ?? "",
    AttachStdin: false, AttachStdout: false, AttachStderr: false,
    Tty: spec.terminal ?? false, OpenStdin: spec.stdin ?? false, StdinOnce: false,
    Env: [...Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`), ...hiddenEnvironment(spec)],
    Cmd: orNull(spec.command),
    Image: spec.imageReference ?? spec.imageName ?? "",
    Volumes: null,
    WorkingDir: spec.workdir ?? "/",
    Entrypoint: orNull(spec.entrypoint),
    OnBuild: null,
    Labels: Object.keys(spec.labels ?? {}).length > 0 ? spec.labels : null,
    Annotations: annotationsOf(spec),
    StopSignal: signalName(spec.stopSignal ?? 15),
    StartupHealthCheck: health?.startup ? checkOf(health.startup) : undefined,
    ...(health?.check ? { Healthcheck: checkOf(health.check) } : {}),
    HealthcheckOnFailureAction: health?.onFailure ?? "none",
    HealthLogDestination: health?.logDestination ?? "local",
    HealthcheckMaxLogCount: health?.maxLogCount ?? 5,
    HealthcheckMaxLogSize: health?.maxLogSize ?? 500,
    ...(spec.createCommand?.length ? { CreateCommand: spec.createCommand } : {}),
    ...(spec.timezone ? { Timezone: spec.timezone } : {}),
    ...secretsOf(spec),
    ...(spec.systemd === "always" ? { SystemdMode: true } : {}),
    Umask: spec.umask ?? "0022",
    Timeout: spec.timeout ?? 0,
    StopTimeout: spec.stopTimeout ?? 10,
    Passwd: spec.passwd ?? true,
    ...(spec.chrootDirs?.length ? { ChrootDirs: spec.chrootDirs } : {}),
    sdNotifyMode: spec.sdnotify ?? "container",
    ...exposedPorts(spec),
  };
}

const propagations = ["shared", "slave", "private", "rshared", "rslave", "rprivate", "unbindable", "runbindable"];

function withDefaults(kind: MountSpec["kind"], options: readonly string[]): string[] {
  if (kind === "volume") return [...new Set(["nosuid", "nodev", "rbind", ...options])];
  return kind === "bind" && !options.includes("bind") && !options.includes("rbind") ? ["rbind", ...options] : [...options];
}

/** Options as inspect's Mounts tell them apart. */
function mountParts(mount: MountSpec): { Mode: string; Options: string[]; RW: boolean; Propagation: string } {
  const isReadOnly = mount.readOnly ?? mount.options.includes("ro");
  const rest = mount.options.filter(option => !propagations.includes(option) && !["ro", "rw", "z", "Z"].includes(option));
  return {
    Mode: mount.relabel === "shared" ? "z" : mount.relabel === "private" ? "Z" : "",
    Options: withDefaults(mount.kind, rest),
    RW: !isReadOnly,
    Propagation: mount.options.find(option => propagations.includes(option)) ?? "rprivate",
  };
}

export function mountsOf(host: Host, { spec }: ContainerRecord): Record<string, unknown>[] {
  const volume = (mount: MountSpec) => {
    const found = host.state.findVolume(mount.source);
    const source = found ? getVolume(host, mount.source).mountpoint : "";
    return {
      Type: "volume", Name: mount.source, Source: source, Destination: mount.target, Driver: found?.driver ?? "local",
      ...mountParts(mount), ...(mount.subpath ? { SubPath: mount.subpath } : {}),
    };
  };
  const image = (mount: MountSpec) => ({
    Type: "image", Source: mount.source, Destination: mount.target, Driver: "", Mode: "", Options: null,
    RW: mount.readOnly === false || mount.options.includes("rw"), Propagation: "",
    ...(mount.subpath ? { SubPath: mount.subpath } : {}),
  });
  const artifact = ({ source, target }: MountSpec) => ({
    Type: "artifact", Source: source, Destination: target, Driver: "", Mode: "", Options: null, RW: false, Propagation: "",
  });
  const bind = (mount: MountSpec) => ({ Type: "bind", Source: mount.source, Destination: mount.target, Driver: "", ...mountParts(mount) });
  const mounts = spec.mounts ?? [];
  return [
    ...mounts.filter(({ kind }) => kind === "volume").map(volume),
    ...mounts.filter(({ kind }) => kind === "image").map(image),
    ...mounts.filter(({ kind }) => kind === "artifact").map(artifact),
    ...mounts.filter(({ kind }) => kind === "bind" || kind === "glob" || kind === "overlay").map(bind),
  ];
}

function bindsOf({ spec }: ContainerRecord): string[] {
  return (spec.mounts ?? []).filter(({ kind }) => kind === "bind" || kind === "volume").map(mount => {
    const { Options, RW, Propagation } = mountParts(mount);
    return `${mount.source}:${mount.target}:${[...(RW ? ["rw"] : ["ro"]), Propagation, ...Options].filter(Boolean).join(",")}`;
  });
}

function modeText(mode: NamespaceMode | undefined, fallback: string): string {
  if (!mode) return fallback;
  if (mode.kind === "container") return `container:${mode.target ?? ""}`;
  return mode.kind === "path" ? `ns:${mode.target ?? ""}` : mode.kind;
}

export function networkModeText(network: NetworkSpec | undefined): string {
  if (network?.mode === "container") return `container:${network.target ?? ""}`;
  if (network?.mode === "path") return `ns:${network.target ?? ""}`;
  return network?.mode ?? "bridge";
}

function securityOptions({ security = {} }: ContainerSpec): string[] {
  return [
    ...(security.noNewPrivileges ? ["no-new-privileges"] : []),
    ...(security.labels ?? []).map(label => `label=${label}`),
    ...(security.learn ? [`label=learn:${security.learn.name}`] : []),
    ...(security.seccomp ? [`seccomp=${security.seccomp}`] : []),
    ...(security.apparmor ? [`apparmor=${security.apparmor}`] : []),
    ...(security.privileged || security.unmask?.includes("ALL") ? ["unmask=all"] : []),
  ];
}

export function capabilitiesOf(host: Host, spec: ContainerSpec): { all: string[]; added: string[]; dropped: string[] } {
  const { privileged = false, capAdd = [], capDrop = [] } = spec.security ?? {};
  const defaults = host.conf.containers.default_capabilities;
  const wish = (add: readonly string[], drop: readonly string[]) => capabilitySet({ privileged, add, drop, ...(defaults ? { defaults } : {}) });
  const base = wish([], []);
  const all = wish(capAdd, capDrop);
  return { all, added: all.filter(name => !base.includes(name)), dropped: base.filter(name => !all.includes(name)).sort() };
}

function tmpfsOf({ mounts = [] }: ContainerSpec): Record<string, string> {
  const access = (options: readonly string[]) => options.some(option => option === "ro" || option === "rw") ? [] : ["rw"];
  return Object.fromEntries(mounts.filter(({ kind }) => kind === "tmpfs").map(({ target, options }) => [target, [...options, ...access(options)].join(",")]));
}

function limitsOf({ resources = {} }: ContainerSpec): Record<string, unknown> {
  const throttle = (kind: string) => (resources.throttle ?? []).filter(one => one.kind === kind).map(({ path, rate }) => ({ Path: path, Rate: rate }));
  const { cpuQuotaUs = 0, cpuPeriodUs = 0 } = resources;
  return {
    CpuShares: resources.cpuShares ?? 0, Memory: resources.memoryBytes ?? 0,
    NanoCpus: cpuPeriodUs > 0 ? Math.round(cpuQuotaUs / cpuPeriodUs * 1e9) : 0,
    CgroupParent: "",
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice: (resources.blkioWeightDevice ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: throttle("read-bps"), BlkioDeviceWriteBps: throttle("write-bps"),
    BlkioDeviceReadIOps: throttle("read-iops"), BlkioDeviceWriteIOps: throttle("write-iops"),
    CpuPeriod: cpuPeriodUs, CpuQuota: cpuQuotaUs, CpuRealtimePeriod: resources.cpuRtPeriodUs ?? 0, CpuRealtimeRuntime: resources.cpuRtRuntimeUs ?? 0,
    CpusetCpus: resources.cpusetCpus ?? "", CpusetMems: resources.cpusetMems ?? "",
  };
}

export function hostConfigOf(host: Host, record: ContainerRecord): Record<string, unknown> {
  const { spec } = record;
  const { resources = {}, namespaces = {}, log, security = {} } = spec;
  const driver = log?.driver ?? "k8s-file";
  const isFile = driver === "k8s-file" || driver === "json-file";
  const { added, dropped } = capabilitiesOf(host, spec);
  return {
    Binds: bindsOf(record),
    CgroupManager: cgroupManagerOf(host), CgroupMode: modeText(namespaces.cgroup, cgroupMode() === "v2" ? "private" : "host"),
    ContainerIDFile: spec.cidfile ?? "",
    LogConfig: { Type: driver, Config: null, Path: isFile ? logPath(host, record) : "", Tag: log?.tag ?? "", Size: humanSizeTight(log?.sizeMax ?? 0, 4) },
    NetworkMode: networkModeText(spec.network),
    PortBindings: portBindings(spec),
    RestartPolicy: { Name: spec.restart?.policy ?? "no", MaximumRetryCount: spec.restart?.retries ?? 0 },
    AutoRemove: spec.remove ?? false, AutoRemoveImage: spec.removeImage ?? false,
    Annotations: annotationsOf(spec),
    VolumeDriver: "", VolumesFrom: orNull(spec.volumesFrom),
    CapAdd: added, CapDrop: dropped,
    Dns: spec.dnsServers ?? [], DnsOptions: spec.dnsOptions ?? [], DnsSearch: spec.dnsSearch ?? [],
    ExtraHosts: spec.hostAdd ?? [], HostsFile: spec.hostsFile ?? "", GroupAdd: spec.groupAdd ?? [],
    IpcMode: modeText(namespaces.ipc, "shareable"),
    Cgroup: "", Cgroups: spec.cgroups === "disabled" ? "disabled" : "default",
    Links: null, OomScoreAdj: spec.oomScoreAdj ?? 0,
    PidMode: modeText(namespaces.pid, "private"),
    Privileged: security.privileged ?? false, PublishAllPorts: spec.publishAll ?? false, ReadonlyRootfs: security.readOnlyRoot ?? false,
    SecurityOpt: securityOptions(spec), Tmpfs: tmpfsOf(spec),
    UTSMode: modeText(namespaces.uts, "private"), UsernsMode: usersText(spec), ...idMappingsOf(spec),
    ShmSize: spec.shmBytes ?? 65_536_000, Runtime: "oci", ConsoleSize: [0, 0], Isolation: "",
    ...limitsOf(spec),
    ...(spec.cgroupParent ? { CgroupParent: spec.cgroupParent } : {}),
    Devices: security.privileged ? [] : (spec.devices ?? []).map(({ source, target, access }) => ({ PathOnHost: source, PathInContainer: target, CgroupPermissions: access })),
    DiskQuota: 0, KernelMemory: 0,
    MemoryReservation: resources.memoryReservationBytes ?? 0, MemorySwap: resources.memorySwapBytes ?? 0,
    MemorySwappiness: resources.memorySwappiness ?? (resources.memoryBytes ? -1 : 0),
    OomKillDisable: resources.oomKillDisable ?? false,
    ...(spec.init ? { Init: true } : {}),
    PidsLimit: resources.pidsLimit ?? 0,
    Ulimits: (spec.ulimits ?? []).filter(({ name }) => name !== "host").map(({ name, soft, hard }) => ({ Name: `RLIMIT_${name.toUpperCase()}`, Soft: soft, Hard: hard })),
    CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0,
    CgroupConf: resources.unified || spec.cgroupConf ? { ...resources.unified, ...spec.cgroupConf } : null,
  };
}

/** As podman has it: however its own users came to be, they are private. */
function usersText({ namespaces, uidMap }: ContainerSpec): string {
  const kind = namespaces?.user?.kind;
  if (kind === "path" || kind === "container") return modeText(namespaces?.user, "");
  return uidMap?.length ? "private" : "";
}

function idMappingsOf(spec: ContainerSpec): { IDMappings?: { UidMap: string[]; GidMap: string[] } } {
  const maps = mapsOfSpec(spec);
  const lines = (list: IdMaps["uid"]): string[] => list.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`);
  return maps ? { IDMappings: { UidMap: lines(maps.uid), GidMap: lines(maps.gid) } } : {};
}
