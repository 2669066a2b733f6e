// The container that an imported checkpoint is of: ours from our own part of the archive, podman's from its config.dump and spec.dump.
// Source: podman's libpod.ContainerConfig by its JSON; OCI runtime-spec config.md.

import type { ContainerSpec, MountSpec, NetworkAttachment, NetworkSpec, PortMapping, ResourceLimits, Ulimit } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { members } from "./archive.ts";
import { formVersion } from "./export.ts";
import type { Taken } from "./intake.ts";
import { readJsonMember } from "./validate.ts";

export interface Imported {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
}

type Fields = Readonly<Record<string, unknown>>;

const damaged = (reason: string): Fault =>
  new Fault("input.malformed", `cannot import the checkpoint: ${reason}`, { hint: "fetch or make the archive again: this one is damaged or was changed" });
const cannot = (reason: string): Fault => new Fault("usage.unsupported", `cannot import the checkpoint: ${reason}`);

const fields = (value: unknown, what: string): Fields => {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw damaged(`${what} is no object`);
  return value as Fields;
};
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : []);
const list = (value: unknown, what: string): Fields[] => (Array.isArray(value) ? value.map(one => fields(one, what)) : []);
const words = (value: unknown, what: string): Record<string, string> =>
  Object.fromEntries(Object.entries(fields(value, what)).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
const some = <T extends object>(values: T): T => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;

function identity(id: unknown, name: unknown): { id: string; name: string } {
  if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id)) throw damaged("it names no container ID");
  if (typeof name !== "string" || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw damaged("it names no container");
  return { id, name };
}

const isAbsolute = (path: unknown): path is string => typeof path === "string" && path.startsWith("/") && !path.includes("\0");

/** What the rest of us takes for granted of a spec that create has completed. */
function checkSpec(spec: Fields): ContainerSpec {
  for (const key of ["env", "labels", "annotations", "sysctl", "namespaces", "network", "security", "resources", "log"]) fields(spec[key], key);
  for (const key of ["argv", "entrypoint", "command", "expose", "groupAdd", "requires"]) if (spec[key] !== undefined && !Array.isArray(spec[key])) throw damaged(`${key} of its container is no list`);
  for (const mount of list(spec.mounts, "a mount")) {
    const known = ["bind", "volume", "tmpfs", "image", "devpts", "ramfs", "overlay"].includes(String(mount.kind));
    if (!known || !isAbsolute(mount.target) || typeof mount.source !== "string" || !Array.isArray(mount.options)) throw damaged("a mount of its container is none");
    if (mount.kind === "volume" && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(mount.source)) throw damaged("a volume of its container has no name");
  }
  for (const port of list(spec.ports, "a port")) {
    if (![port.hostPort, port.containerPort, port.range].every(value => Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536)) throw damaged("a port of its container is none");
  }
  return spec as ContainerSpec;
}

function fromOwn(taken: Taken): Imported {
  const own = fields(readJsonMember(taken, members.own), members.own);
  if (own.version !== formVersion) throw cannot(`it was made by another version of this program (form ${String(own.version)}, not ${formVersion})`);
  const config = fields(readJsonMember(taken, members.config), members.config);
  // Whoever looks at podman's part must see the same container.
  if (config.id !== own.id || config.name !== own.name) throw damaged(`${members.own} and ${members.config} are of two containers`);
  return { ...identity(own.id, own.name), spec: checkSpec(fields(own.spec, "its container")) };
}

interface Podman {
  readonly config: Fields;
  readonly oci: Fields;
  readonly linux: Fields;
  readonly process: Fields;
}

function refusePodman({ config, linux }: Podman): void {
  if (config.pod) throw cannot("cannot restore pod container without --pod");
  if (Array.isArray(config.Dependencies) && config.Dependencies.length > 0) throw cannot("cannot import checkpoints of containers with dependencies");
  if (config.rootfs) throw cannot(`its root is the directory ${String(config.rootfs)} of the host where it was made`);
  const kinds = { secrets: "secrets", overlayVolumes: "overlay volumes", ctrImageVolumes: "image volumes", artifactVolumes: "artifacts", cdiDevices: "CDI devices", gpus: "GPUs" };
  for (const [key, what] of Object.entries(kinds)) if (Array.isArray(config[key]) && (config[key] as unknown[]).length > 0) throw cannot(`its container uses ${what}, which cannot be imported`);
  if (list(linux.namespaces, "a namespace").some(({ type }) => type === "user")) throw cannot("its container has a user namespace of its own, which is not built yet");
}

function namespacesOf({ config, linux }: Podman): NonNullable<ContainerSpec["namespaces"]> {
  const has = new Set(list(linux.namespaces, "a namespace").map(({ type }) => type));
  const kind = (name: string) => ({ kind: has.has(name) ? "private" as const : "host" as const });
  const ipc = !has.has("ipc") ? { kind: "host" as const } : { kind: config.NOShmShare ? "private" as const : "shareable" as const };
  return { pid: kind("pid"), ipc, uts: kind("uts"), ...(has.has("cgroup") ? { cgroup: { kind: "private" as const } } : {}) };
}

function networkOf({ config }: Podman): NetworkSpec {
  const mode = text(config.networkMode) ?? "";
  if (mode === "host" || mode === "none") return { mode };
  if (mode !== "" && mode !== "bridge" && mode !== "private" && mode !== "default") throw cannot(`its network ${JSON.stringify(mode)} cannot be imported`);
  const ordered = list(config.orderedNetworks, "a network").map(one => ({ ...one, name: text(one.name) ?? text(one.network_name) ?? "" }));
  const named = Object.entries(fields(config.newNetworks, "its networks")).map(([name, one]) => ({ ...fields(one, "a network"), name }));
  const networks = (ordered.length > 0 ? ordered : named).map((one: Fields): NetworkAttachment => some({
    network: text(one.name) ?? "", ips: texts(one.static_ips).length > 0 ? texts(one.static_ips) : undefined, mac: text(one.static_mac),
    aliases: texts(one.aliases).length > 0 ? texts(one.aliases) : undefined, interfaceName: text(one.interface_name),
  }) as NetworkAttachment);
  return { mode: "bridge", networks };
}

const portsOf = ({ config }: Podman): PortMapping[] => list(config.newPortMappings, "a port").map(port => ({
  hostIp: text(port.host_ip) ?? "", hostPort: number(port.host_port) ?? 0, containerPort: number(port.container_port) ?? 0, range: number(port.range) ?? 1,
  protocol: port.protocol === "udp" || port.protocol === "sctp" ? port.protocol : "tcp",
}));

const everywhere: ReadonlySet<string> = new Set(["/proc", "/dev", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm", "/sys/fs/cgroup", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
  "/run/.containerenv", "/run/podman-init", "/etc/passwd", "/etc/group", "/etc/localtime", "/run/secrets"]);

function mountsOf({ config, oci }: Podman): MountSpec[] {
  const volumes = list(config.namedVolumes, "a volume").map((one): MountSpec => ({
    kind: "volume", source: text(one.volumeName) ?? "", target: text(one.dest) ?? "", options: texts(one.options), ...(one.isAnonymous ? { anonymous: true } : {}),
  }));
  const taken = new Set([...everywhere, ...volumes.map(({ target }) => target)]);
  const others = list(oci.mounts, "a mount").flatMap((one): MountSpec[] => {
    const [target, source, options] = [text(one.destination) ?? "", text(one.source) ?? "", texts(one.options)];
    if (taken.has(target)) return [];
    if (one.type === "tmpfs") return [{ kind: "tmpfs", source: "tmpfs", target, options }];
    if (one.type === "bind") return [{ kind: "bind", source, target, options, ...(options.includes("ro") ? { readOnly: true } : {}) }];
    throw cannot(`its mount of type ${JSON.stringify(one.type)} at ${target} cannot be imported`);
  });
  return [...volumes, ...others];
}

function resourcesOf({ linux }: Podman): ResourceLimits {
  const resources = fields(linux.resources, "its limits");
  const [memory, cpu, pids] = [fields(resources.memory, "a limit"), fields(resources.cpu, "a limit"), fields(resources.pids, "a limit")];
  return some({
    memoryBytes: number(memory.limit), memoryReservationBytes: number(memory.reservation), memorySwapBytes: number(memory.swap), memorySwappiness: number(memory.swappiness),
    cpuShares: number(cpu.shares), cpuQuotaUs: number(cpu.quota), cpuPeriodUs: number(cpu.period), cpuRtRuntimeUs: number(cpu.realtimeRuntime),
    cpuRtPeriodUs: number(cpu.realtimePeriod), cpusetCpus: text(cpu.cpus), cpusetMems: text(cpu.mems), pidsLimit: number(pids.limit) ?? -1,
    unified: resources.unified === undefined ? undefined : words(resources.unified, "its limits"),
  }) as ResourceLimits;
}

/** 2^64-1, which no double holds, stands for "unlimited". */
const unlimited = 2 ** 63;
const ulimitsOf = ({ process }: Podman): Ulimit[] => list(process.rlimits, "a limit").map(one => {
  const value = (limit: unknown): number => { const given = number(limit) ?? -1; return given >= unlimited ? -1 : given; };
  return { name: String(one.type).replace(/^RLIMIT_/, "").toLowerCase(), soft: value(one.soft), hard: value(one.hard) };
});

const ofPodman = /^(?:io\.container\.manager$|io\.podman\.annotations\.|org\.opencontainers\.image\.stopSignal$|org\.systemd\.property\.)/;

function securityOf({ config, oci, linux, process }: Podman): NonNullable<ContainerSpec["security"]> {
  const bounding = texts(fields(process.capabilities, "its capabilities").bounding).map(name => name.replace(/^CAP_/, ""));
  return {
    privileged: config.privileged === true, readOnlyRoot: fields(oci.root, "its root").readonly === true,
    ...(config.privileged === true ? {} : { capDrop: ["ALL"], capAdd: bounding }),
    ...(process.noNewPrivileges === true ? { noNewPrivileges: true } : {}), ...(linux.seccomp === undefined ? { seccomp: "unconfined" } : {}),
    ...(linux.maskedPaths === undefined && config.privileged !== true ? { unmask: ["ALL"] } : {}), ...(texts(config.labelopts).length > 0 ? { labels: texts(config.labelopts) } : {}),
    ...(text(process.apparmorProfile) ? { apparmor: text(process.apparmorProfile)! } : {}),
  };
}

function logOf({ config }: Podman): NonNullable<ContainerSpec["log"]> {
  const driver = text(config.logDriver) ?? "k8s-file";
  const known = (["k8s-file", "json-file", "journald", "none"] as const).find(name => name === driver) ?? "k8s-file";
  return { driver: known, ...(number(config.logSize) ? { sizeMax: number(config.logSize)! } : {}), ...(text(config.logTag) ? { tag: text(config.logTag)! } : {}) };
}

function exposeOf({ config }: Podman): string[] {
  return Object.entries(fields(config.exposedPorts, "its ports")).flatMap(([port, protocols]) => texts(protocols).map(protocol => `${port}/${protocol}`));
}

function processOf({ oci, process }: Podman): Partial<ContainerSpec> {
  const all = texts(process.args);
  const hasInit = words(oci.annotations, "its annotations")["io.podman.annotations.init"] === "TRUE";
  const env = Object.fromEntries(texts(process.env).map(pair => { const at = pair.indexOf("="); return [pair.slice(0, at), pair.slice(at + 1)]; }));
  return {
    argv: hasInit ? all.slice(2) : all, env, workdir: text(process.cwd) ?? "/", workdirOfImage: true, ...(process.terminal === true ? { terminal: true } : {}),
    ...(hasInit ? { init: true } : {}), ...(number(process.oomScoreAdj) === undefined ? {} : { oomScoreAdj: number(process.oomScoreAdj)! }),
  };
}

function fromPodman(taken: Taken): Imported {
  const config = fields(readJsonMember(taken, members.config), members.config);
  const oci = fields(readJsonMember(taken, members.spec), members.spec);
  const podman: Podman = { config, oci, linux: fields(oci.linux, "linux"), process: fields(oci.process, "process") };
  refusePodman(podman);
  const annotations = Object.fromEntries(Object.entries(words(oci.annotations, "its annotations")).filter(([key]) => !ofPodman.test(key)));
  const runtime = text(config.runtime);
  const restart = text(config.restart_policy);
  const spec = some({
    imageName: text(config.RawImageName) ?? text(config.rootfsImageName), imageReference: text(config.rootfsImageName), imageId: text(config.rootfsImageID),
    ...processOf(podman), entrypoint: texts(config.entrypoint), command: texts(config.command), user: text(config.user), groupAdd: texts(config.groups),
    stdin: config.stdin === true ? true : undefined, hostname: text(oci.hostname) ?? "", labels: words(config.labels, "its labels"), annotations,
    stopSignal: number(config.stopSignal) ?? 15, stopTimeout: number(config.stopTimeout) ?? 10, timeout: number(config.timeout), umask: text(config.umask) ?? "0022",
    timezone: text(config.timezone), namespaces: namespacesOf(podman), network: networkOf(podman), ports: portsOf(podman), expose: exposeOf(podman),
    dnsServers: config.dnsServer === undefined ? undefined : texts(config.dnsServer), dnsSearch: config.dnsSearch === undefined ? undefined : texts(config.dnsSearch),
    dnsOptions: config.dnsOption === undefined ? undefined : texts(config.dnsOption), hostAdd: config.hostsAdd === undefined ? undefined : texts(config.hostsAdd),
    noHosts: config.UseImageHosts === true, noHostname: config.useImageHostname === true, mounts: mountsOf(podman), ulimits: ulimitsOf(podman),
    shmBytes: number(config.shmSize) ?? 65_536_000, resources: resourcesOf(podman), security: securityOf(podman), log: logOf(podman),
    sysctl: words(podman.linux.sysctl, "its sysctls"), cgroups: text(config.cgroupsMode), createCommand: texts(config.CreateCommand), requires: [], systemd: config.systemd === true ? "always" : "false",
    restart: restart ? { policy: restart, ...(number(config.restart_retries) ? { retries: number(config.restart_retries) } : {}) } : undefined,
    remove: words(oci.annotations, "its annotations")["io.podman.annotations.autoremove"] === "TRUE" ? true : undefined,
    runtime: runtime === "runc" || runtime === "crun" ? runtime : undefined,
  });
  return { ...identity(config.id, config.name), spec: checkSpec(spec as Fields) };
}

/** @throws Fault "input.malformed", "usage.unsupported" for what cannot be had here */
export const importedContainer = (taken: Taken): Imported => (taken.names.has(members.own) ? fromOwn(taken) : fromPodman(taken));
