// From what the person asked for to the complete spec that is stored: image, containers.conf and defaults filled in.
// Source: podman-create(1); containers.conf(5).

import { readFileSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { parseSize } from "../../base/bytes.ts";
import type { ContainerSpec, LogSpec, MountSpec, NamespaceMode, Ulimit } from "../../base/container-spec.ts";
import { log } from "../../base/log.ts";
import { Fault } from "../../base/fault.ts";
import type { ImageDefaults } from "../../base/oci-image.ts";
import { parseSignal } from "../../base/signals.ts";
import { findProgram, programPlaces } from "../../base/spawn.ts";
import type { Host } from "../host.ts";
import { cgroupMode, delegatedCgroup } from "../../runtime/cgroups.ts";
import { completeHealth } from "../health/settings.ts";
import { usersOf, type ResolvedUsers } from "../users/mapping.ts";
import { cgroupManagerOf } from "./config-facts.ts";
import { argvOf, environment, splitOnce, variables } from "./environment.ts";
import { globMounts } from "./globs.ts";
import { get } from "./lookup.ts";
import { networkOf, portsOf } from "./resolve-network.ts";
import { runtimeName } from "./runtime-choice.ts";

export interface ImageForSpec {
  readonly id: string;
  readonly reference: string;
  readonly defaults: ImageDefaults;
}

export interface Resolving {
  readonly id: string;
  readonly name: string;
  readonly image?: ImageForSpec;
}

export interface Resolved {
  readonly spec: ContainerSpec;
  readonly warnings: readonly string[];
}

function namespaceOf(host: Host, mode: NamespaceMode | undefined, fallback: string | undefined): NamespaceMode {
  const asked = mode ?? (fallback && fallback !== "private" ? { kind: fallback as NamespaceMode["kind"] } : { kind: "private" as const });
  return asked.kind === "container" ? { kind: "container", target: get(host, asked.target ?? "").id } : asked;
}

function sharedIpc(host: Host, mode: NamespaceMode): NamespaceMode {
  const kind = mode.kind === "container" ? get(host, mode.target ?? "").spec.namespaces?.ipc?.kind ?? "shareable" : undefined;
  if (kind !== "private" && kind !== "none") return mode;
  throw new Fault("usage.invalid", `joining IPC of container ${mode.target} is not allowed: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`);
}

function namespacesOf(host: Host, spec: ContainerSpec): NonNullable<ContainerSpec["namespaces"]> {
  const conf = host.conf.containers;
  const asked = spec.namespaces ?? {};
  return {
    pid: namespaceOf(host, asked.pid, conf.pidns),
    ipc: sharedIpc(host, namespaceOf(host, asked.ipc, conf.ipcns ?? "shareable")),
    uts: namespaceOf(host, asked.uts, conf.utsns),
    ...(asked.user || conf.userns ? { user: namespaceOf(host, asked.user, conf.userns) } : {}),
    ...(asked.cgroup || conf.cgroupns ? { cgroup: namespaceOf(host, asked.cgroup, conf.cgroupns) } : {}),
  };
}

function hostnameOf(host: Host, spec: ContainerSpec, { id, name }: Resolving): string {
  if (spec.hostname) return spec.hostname;
  if (spec.namespaces?.uts?.kind === "host" || host.conf.containers.utsns === "host") return hostHostname();
  const { network } = spec;
  if (network?.mode === "host") return hostHostname();
  if (network?.mode === "container") return get(host, network.target ?? "").spec.hostname ?? id.slice(0, 12);
  return host.conf.containers.container_name_as_hostname ? name.replace(/[^a-zA-Z0-9.-]/g, "") : id.slice(0, 12);
}

function hostHostname(): string {
  return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
}

const logDrivers: readonly string[] = ["k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty"];

function logOf(host: Host, spec: ContainerSpec, id: string): LogSpec {
  const conf = host.conf.containers;
  const driver = spec.log?.driver ?? conf.log_driver ?? "k8s-file";
  if (!logDrivers.includes(driver)) throw new Fault("usage.invalid", "running container create option: invalid log driver: invalid argument");
  const isFile = driver === "k8s-file" || driver === "json-file";
  const path = spec.log?.path ?? (conf.log_path ? `${conf.log_path}/${id}/ctr.log` : `${host.paths.staticDir(id)}/ctr.log`);
  const sizeMax = spec.log?.sizeMax ?? (conf.log_size_max && conf.log_size_max > 0 ? conf.log_size_max : undefined);
  return {
    ...spec.log,
    driver: driver as LogSpec["driver"],
    ...(isFile ? { path } : {}),
    ...(sizeMax === undefined ? {} : { sizeMax }),
    ...(spec.log?.tag ?? conf.log_tag ? { tag: spec.log?.tag ?? conf.log_tag } : {}),
  };
}

/** The person's mounts, those of --volumes-from, then the image's VOLUMEs; the first for a target wins. */
function mountsOf(host: Host, spec: ContainerSpec, image: ImageDefaults | undefined): MountSpec[] {
  const written = (spec.mounts ?? []).flatMap(mount => mount.kind === "glob" ? globMounts(mount) : [mount]);
  // The same mount twice is one mount.
  const own = [...new Map(written.map(mount => [JSON.stringify(mount), mount])).values()];
  const targets = new Set<string>();
  for (const { target } of own) {
    if (targets.has(target)) throw new Fault("usage.invalid", `${target}: duplicate mount destination`);
    targets.add(target);
  }
  const borrowed = (spec.volumesFrom ?? []).flatMap(written => {
    const [name, options] = splitOnce(written, ":");
    return (get(host, name).spec.mounts ?? [])
      .filter(({ kind }) => kind === "bind" || kind === "volume")
      .map(mount => ({ ...mount, anonymous: false, ...(options?.split(",").includes("ro") ? { readOnly: true } : {}) }));
  });
  const mode = spec.imageVolume ?? host.conf.engine.image_volume_mode ?? "anonymous";
  const fromImage = mode === "ignore" ? [] : Object.keys(image?.Volumes ?? {}).map(harmlessTarget).map((target): MountSpec => mode === "tmpfs"
    ? { kind: "tmpfs", source: "tmpfs", target, options: ["rprivate", "rw", "nodev", "exec"] }
    : { kind: "volume", source: "", target, options: [], anonymous: true });
  for (const mount of [...borrowed, ...fromImage]) {
    const target = mount.target.replace(/(.)\/+$/, "$1");
    if (targets.has(target)) continue;
    targets.add(target);
    own.push({ ...mount, target });
  }
  return own;
}

/** A person may put a volume over /proc; an image that does could make the runtime write its labels into files of the image's. */
function harmlessTarget(target: string): string {
  if (!/^\/(proc|sys)(\/|$)/.test(resolvePath("/", target))) return target;
  throw new Fault("image.unsupported", `cannot use the image's volume at ${JSON.stringify(target)}: it would hide the kernel's own files`, { hint: "run it without the image's volumes: --image-volume ignore" });
}

function ulimitsOf(host: Host, spec: ContainerSpec): Ulimit[] {
  const own = spec.ulimits ?? [];
  const defaults = (host.conf.containers.default_ulimits ?? []).flatMap((line): Ulimit[] => {
    const match = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(line);
    if (!match) throw new Fault("config.invalid", `cannot read default_ulimits of containers.conf: "${line}" is not NAME=SOFT:HARD`);
    return [{ name: match[1]!, soft: Number(match[2]), hard: Number(match[3] ?? match[2]) }];
  });
  return [...own, ...defaults.filter(({ name }) => !own.some(given => given.name === name))];
}

const initPrograms: readonly string[] = ["/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"];

/** "true" means: where the program is an init of systemd's kind. */
function runsSystemd(spec: ContainerSpec, argv: readonly string[]): boolean {
  if (spec.systemd === "always") return true;
  const program = argv[0] ?? "";
  return spec.systemd !== "false" && (initPrograms.includes(program) || /(^|\/)systemd$/.test(program));
}

const sigrtmin3 = 37;

/** As systemd takes a machine's ID from its manager. */
const uuidOf = (id: string): string => id.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");

function stopSignalOf(spec: ContainerSpec, image: ImageDefaults | undefined, systemd: boolean): number {
  if (systemd && spec.stopSignal === undefined && !image?.StopSignal) return sigrtmin3;
  return spec.stopSignal ?? (image?.StopSignal ? parseSignal(image.StopSignal) : 15);
}

function initOf(host: Host, spec: ContainerSpec): Partial<ContainerSpec> {
  if (!(spec.init ?? host.conf.containers.init ?? false)) return {};
  const asked = spec.initPath ?? host.conf.containers.init_path ?? host.conf.engine.init_path;
  const initPath = asked ?? findProgram("catatonit", [...(host.conf.engine.helper_binaries_dir ?? []), ...programPlaces]);
  if (!initPath) {
    throw new Fault("component.missing", "cannot find program \"catatonit\" for --init: not in PATH or the usual places", {
      hint: "install it, on Debian with: apt-get install catatonit",
    });
  }
  return { init: true, initPath };
}

function exposeOf(spec: ContainerSpec, image: ImageDefaults | undefined): string[] {
  const all = [...(spec.expose ?? []), ...Object.keys(image?.ExposedPorts ?? {})];
  return [...new Set(all.map(entry => entry.includes("/") ? entry : `${entry}/tcp`))];
}

function resourcesOf(host: Host, spec: ContainerSpec): NonNullable<ContainerSpec["resources"]> {
  if (spec.cgroups === "disabled") return { ...spec.resources };
  const asked = spec.resources?.pidsLimit;
  const pidsLimit = asked === undefined ? host.conf.containers.pids_limit ?? 2048 : asked === 0 ? -1 : asked;
  const { memoryBytes, pidsLimit: _asked, ...rest } = spec.resources ?? {};
  const found = { ...rest, ...(memoryBytes ? { memoryBytes } : {}) };
  const why = whyNoLimits(host, spec);
  if (why === undefined) return { ...found, pidsLimit };
  refuseLimits(spec, why);
  return found;
}

/** Files of cgroups v2, by name. @throws Fault "config.invalid" for a line of containers.conf that is not NAME=VALUE */
function cgroupFilesOf(host: Host, asked: ContainerSpec): Pick<ContainerSpec, "cgroupConf"> {
  const lines = host.conf.containers.cgroup_conf ?? [];
  const bad = lines.find(line => !line.includes("="));
  if (bad !== undefined) throw new Fault("config.invalid", `CgroupConf ${bad} from containers.conf invalid, must be name=value`);
  return lines.length > 0 ? { cgroupConf: { ...variables(lines), ...asked.cgroupConf } } : {};
}

/** Nobody but root may go below where he is. */
function oomScoreOf(host: Host, asked: ContainerSpec): Pick<ContainerSpec, "oomScoreAdj"> {
  const score = asked.oomScoreAdj ?? host.conf.containers.oom_score_adj;
  if (score === undefined) return {};
  const own = host.rootless ? Number(readFileSync("/proc/self/oom_score_adj", "utf8")) : score;
  if (score < own) log.warn(`Requested oom_score_adj=${score} is lower than the current one, changing to ${own}`);
  return { oomScoreAdj: Math.max(score, own) };
}

function refuseDeviceRules(host: Host, { deviceCgroupRules = [], namespaces }: ContainerSpec): void {
  const hasUsers = namespaces?.user !== undefined && namespaces.user.kind !== "host";
  if (deviceCgroupRules.length === 0 || (!host.rootless && !hasUsers)) return;
  throw new Fault("usage.unsupported", "device cgroup rules are not supported in rootless mode or in a user namespace", {
    hint: "run it as root and without --userns, or show the device itself with --device",
  });
}

interface WhyNot {
  readonly reason: string;
  readonly hint: string;
}

/** Why an ordinary user's limits would hold nothing; undefined where they hold. */
function whyNoLimits(host: Host, { cgroups, cgroupParent }: ContainerSpec): WhyNot | undefined {
  if (!host.rootless) return undefined;
  // Without v2 no part of the cgroups can be given to an ordinary user.
  if (cgroupMode() !== "v2") return { reason: "cgroups v1 gives ordinary users none", hint: "run it as root, or start the machine with cgroups v2: systemd.unified_cgroup_hierarchy=1" };
  if (cgroupManagerOf(host) === "systemd" || cgroups === "split" || cgroupParent || delegatedCgroup() !== undefined) return undefined;
  return { reason: "no cgroup was given to you", hint: "run it in a session of systemd, or name a cgroup that is yours with --cgroup-parent" };
}

/** Nothing and -1 are no limits. */
function refuseLimits({ resources = {} }: ContainerSpec, { reason, hint }: WhyNot): void {
  const asked = Object.entries(resources).filter(([, value]) => value !== undefined && value !== 0 && value !== -1).map(([name]) => name);
  if (asked.length > 0) throw new Fault("usage.unsupported", `cannot limit a container's resources (${asked.join(", ")}): ${reason}`, { hint });
}

function securityOf(host: Host, spec: ContainerSpec): NonNullable<ContainerSpec["security"]> {
  const conf = host.conf.containers;
  const asked = spec.security ?? {};
  return {
    ...asked,
    privileged: asked.privileged ?? conf.privileged ?? false,
    readOnlyRoot: asked.readOnlyRoot ?? conf.read_only ?? false,
    ...(asked.seccomp === undefined && conf.seccomp_profile ? { seccomp: conf.seccomp_profile } : {}),
  };
}

function healthOf(asked: ContainerSpec, image: ImageDefaults | undefined): Pick<ContainerSpec, "health"> {
  if (!asked.health && !image?.Healthcheck) return {};
  const check = image?.Healthcheck || asked.health?.check ? { check: { ...image?.Healthcheck, ...asked.health?.check } } : {};
  return { health: completeHealth({ ...asked.health, ...check }) };
}

function dependenciesOf(spec: ContainerSpec): string[] {
  const { network, namespaces = {}, requires = [] } = spec;
  const fromNamespaces = Object.values(namespaces).flatMap(mode => mode.kind === "container" ? mode.target ?? [] : []);
  return [...new Set([...requires, ...fromNamespaces, ...(network?.mode === "container" && network.target ? [network.target] : [])])];
}

/** Defaults that speak of a namespace the container shares are left out: no runtime sets the host's. */
function sysctlOf(host: Host, asked: ContainerSpec): Record<string, string> {
  const shared = ["host", "container", "path"];
  const sharesNetwork = shared.includes(asked.network?.mode ?? "bridge");
  const sharesIpc = shared.includes(asked.namespaces?.ipc?.kind ?? "private");
  const isShared = (name: string): boolean => (name.startsWith("net.") ? sharesNetwork : /^(kernel\.|fs\.mqueue\.)/.test(name) && sharesIpc);
  const defaults = Object.entries(variables(host.conf.containers.default_sysctls ?? [])).filter(([name]) => !isShared(name));
  return { ...Object.fromEntries(defaults), ...asked.sysctl };
}

/** Whom it runs as, and the maps of its users: those asked for are settled by now. */
function userOf(asked: ContainerSpec, defaults: ImageDefaults | undefined, users: ResolvedUsers): Partial<ContainerSpec> {
  const user = asked.user ?? users.user ?? defaults?.User;
  return { ...(user ? { user } : {}), uidMap: [...users.uidMap ?? []], gidMap: [...users.gidMap ?? []] };
}

/** Completes the spec. @throws Fault for what cannot be: unknown containers, networks, drivers, ports in use */
export function resolve(host: Host, asked: ContainerSpec, resolving: Resolving): Resolved {
  const { id, name, image } = resolving;
  const conf = host.conf;
  const defaults = image?.defaults;
  const network = networkOf(host, asked);
  const withNetwork = { ...asked, network };
  const hostname = hostnameOf(host, withNetwork, resolving);
  const { entrypoint, command } = argvOf(asked, defaults);
  const systemd = runsSystemd(asked, [...entrypoint, ...command]);
  const expose = exposeOf(asked, defaults);
  refuseDeviceRules(host, asked);
  const { ports, warnings } = portsOf(host, asked, network, expose);
  const namespaces = namespacesOf(host, asked);
  const users = usersOf(host, asked, namespaces.user);
  const annotations = { ...variables(conf.containers.annotations ?? []), ...asked.annotations };
  const spec: ContainerSpec = {
    ...withNetwork,
    ...initOf(host, asked),
    name,
    runtime: runtimeName(host),
    ...(image ? { imageId: image.id, imageReference: image.reference } : {}),
    entrypoint, command, argv: [...entrypoint, ...command],
    systemd: systemd ? "always" : "false",
    env: { ...(systemd ? { container_uuid: uuidOf(id) } : {}), ...environment(host, asked, defaults, hostname) },
    workdir: asked.workdir ?? (defaults?.WorkingDir || "/"),
    workdirOfImage: asked.workdir === undefined,
    ...userOf(asked, defaults, users),
    hostname,
    labels: { ...defaults?.Labels, ...asked.labels },
    annotations,
    stopSignal: stopSignalOf(asked, defaults, systemd),
    stopTimeout: asked.stopTimeout ?? conf.engine.stop_timeout ?? 10,
    umask: asked.umask ?? conf.containers.umask ?? "0022",
    ...(asked.timezone ?? conf.containers.tz ? { timezone: asked.timezone ?? conf.containers.tz } : {}),
    namespaces, ports, expose,
    requires: (asked.requires ?? []).map(required => get(host, required).id),
    mounts: mountsOf(host, asked, defaults),
    ulimits: ulimitsOf(host, asked),
    shmBytes: asked.shmBytes ?? parseSize(conf.containers.shm_size ?? "65536k"),
    resources: resourcesOf(host, asked),
    security: securityOf(host, asked),
    ...cgroupFilesOf(host, asked),
    log: logOf(host, asked, id),
    sysctl: sysctlOf(host, asked),
    ...oomScoreOf(host, asked),
    ...(asked.cgroups ?? conf.containers.cgroups ? { cgroups: (asked.cgroups ?? conf.containers.cgroups) as "enabled" } : {}),
    ...healthOf(asked, defaults),
    noHosts: asked.noHosts ?? conf.containers.no_hosts ?? false,
    noHostname: asked.noHostname ?? conf.containers.no_hostname ?? false,
  };
  return { spec: { ...spec, requires: dependenciesOf(spec) }, warnings };
}
