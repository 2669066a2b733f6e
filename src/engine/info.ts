// info and version: what this host has.
// Source: podman-info(1), podman-version(1).

import { storeStatus } from "./store-status.ts";
import { readFileSync, statfsSync } from "node:fs";
import { goDuration } from "../base/duration.ts";
import { findProgram, programPlaces, spawnSync } from "../base/spawn.ts";
import { rfc3339Nano } from "../base/time.ts";
import { cgroupMode } from "../runtime/cgroups.ts";
import { defaultCapabilities } from "../security/capabilities.ts";
import { isSelinuxEnabled } from "../security/labels.ts";
import { cgroupManagerOf } from "./containers/config-facts.ts";
import { conmonPath } from "./containers/launch.ts";
import { isLive, observe } from "./containers/observe.ts";
import { runtimeOf } from "./containers/runtime-choice.ts";
import { eventsBackend } from "./events.ts";
import { ownIdMaps } from "../kernel/users.ts";
import type { Host } from "./host.ts";

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
export const hostArchitecture = (): string => architectures[process.arch] ?? process.arch;

function osRelease(): Record<string, string> {
  const text = read("/etc/os-release") || read("/usr/lib/os-release");
  return Object.fromEntries(text.split("\n").flatMap(line => {
    const match = /^(\w+)="?([^"]*)"?$/.exec(line);
    return match ? [[match[1]!, match[2]!]] : [];
  }));
}

function memory(): Record<string, number> {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  const meminfo = read("/proc/meminfo");
  return { memFree: bytes("MemFree"), memTotal: bytes("MemTotal"), swapFree: bytes("SwapFree"), swapTotal: bytes("SwapTotal") };
}

/** First and later lines of what a program says of itself. */
function versionOf(path: string | undefined): string {
  if (!path) return "";
  return spawnSync([path, "--version"], { timeoutMs: 5000 }).text().trim();
}

function packageOf(path: string | undefined): string {
  const dpkg = path ? findProgram("dpkg-query") : undefined;
  if (!path || !dpkg) return "Unknown";
  for (const candidate of [path, path.replace(/^\/usr\//, "/")]) {
    const owner = spawnSync([dpkg, "-S", candidate], { timeoutMs: 5000 }).text().split(":")[0]!.trim();
    const version = owner ? spawnSync([dpkg, "-W", "-f=${Package}_${Version}", owner], { timeoutMs: 5000 }).text() : "";
    if (version) return version;
  }
  return "Unknown";
}

function component(path: string | undefined): { path: string; package: string; version: string } {
  return { package: packageOf(path), path: path ?? "", version: versionOf(path) };
}

function executable(name: string): { executable: string; package: string; version: string } {
  const path = findProgram(name);
  return path ? { executable: path, package: packageOf(path), version: versionOf(path) } : { executable: "", package: "", version: "" };
}

const mapsOf = (kind: "uid" | "gid") => ownIdMaps(kind).map(({ inside, outside, count }) => ({ container_id: inside, host_id: outside, size: count }));

function cpuUse(): Record<string, number> {
  const [user = 0, nice = 0, system = 0, idle = 0, ...rest] = read("/proc/stat").split("\n")[0]!.split(/\s+/).slice(1).map(Number);
  const total = user + nice + system + idle + rest.slice(0, 5).reduce((sum, value) => sum + value, 0);
  const percent = (value: number) => total === 0 ? 0 : Math.round(value / total * 10_000) / 100;
  return { userPercent: percent(user + nice), systemPercent: percent(system), idlePercent: percent(idle) };
}

function hostInfo(host: Host): Record<string, unknown> {
  const release = osRelease();
  const runtime = runtimeOf(host);
  const helpers = [...(host.conf.engine.helper_binaries_dir ?? []), ...programPlaces];
  const netavark = findProgram("netavark", helpers);
  const aardvark = findProgram("aardvark-dns", helpers);
  const uptime = Number(read("/proc/uptime").split(" ")[0] || 0);
  return {
    arch: hostArchitecture(),
    buildahVersion: "1.43.2",
    cgroupManager: cgroupManagerOf(host),
    cgroupVersion: cgroupMode() === "v2" ? "v2" : "v1",
    cgroupControllers: cgroupMode() === "v2" ? read("/sys/fs/cgroup/cgroup.controllers").trim().split(" ").filter(Boolean) : [],
    conmon: component(conmonPath(host)),
    cpus: navigator.hardwareConcurrency,
    cpuUtilization: cpuUse(),
    databaseBackend: "sqlite",
    distribution: { distribution: release.ID ?? "unknown", version: release.VERSION_ID ?? "", ...(release.VERSION_CODENAME ? { codename: release.VERSION_CODENAME } : {}) },
    emulatedArchitectures: [],
    eventLogger: eventsBackend(host),
    freeLocks: 2048,
    hostname: read("/proc/sys/kernel/hostname").trim(),
    idMappings: host.rootless ? { gidmap: mapsOf("gid"), uidmap: mapsOf("uid") } : { gidmap: null, uidmap: null },
    kernel: read("/proc/sys/kernel/osrelease").trim(),
    logDriver: host.conf.containers.log_driver ?? "k8s-file",
    ...memory(),
    networkBackend: "netavark",
    networkBackendInfo: { backend: "netavark", ...component(netavark), dns: component(aardvark), defaultNetwork: host.conf.network.default_network ?? "podman" },
    ociRuntime: { name: runtime.name, ...component(runtime.path) },
    os: "linux",
    pasta: executable("pasta"),
    remoteSocket: { exists: false, path: "unix:///run/podman/podman.sock" },
    rootlessNetworkCmd: "pasta",
    security: {
      apparmorEnabled: read("/sys/module/apparmor/parameters/enabled").startsWith("Y"),
      capabilities: (host.conf.containers.default_capabilities ?? defaultCapabilities).join(","),
      rootless: host.rootless,
      seccompEnabled: true,
      seccompProfilePath: host.conf.containers.seccomp_profile ?? "/usr/share/containers/seccomp.json",
      selinuxEnabled: isSelinuxEnabled(),
    },
    serviceIsRemote: false,
    slirp4netns: executable("slirp4netns"),
    swapFree: memory().swapFree, swapTotal: memory().swapTotal,
    uptime: goDuration(Math.floor(uptime) * 1e9),
    variant: "",
    linkmode: "dynamic",
  };
}

function storeInfo(host: Host): Record<string, unknown> {
  const states = host.state.containers().map(record => observe(host, record).state);
  const place = [host.paths.root, "/var/lib", "/"].map(path => {
    try {
      return statfsSync(path);
    } catch {
      return undefined;
    }
  }).find(Boolean);
  const total = place ? place.blocks * place.bsize : 0;
  return {
    configFile: host.storage.file ?? "/etc/containers/storage.conf",
    containerStore: {
      number: states.length,
      paused: states.filter(({ status }) => status === "paused").length,
      running: states.filter(({ status }) => status === "running" || status === "stopping").length,
      stopped: states.filter(state => !isLive(state)).length,
    },
    ...storeStatus(host, path => component(path)),
    graphRoot: host.paths.root,
    graphRootAllocated: total,
    graphRootUsed: place ? total - place.bfree * place.bsize : 0,
    imageCopyTmpDir: host.conf.engine.image_copy_tmp_dir ?? "/var/tmp",
    imageStore: { number: host.store.images.list().length },
    runRoot: host.paths.runroot,
    transientStore: false,
    volumePath: host.paths.volumes,
  };
}

/** podman's `info` JSON. */
export async function info(host: Host): Promise<Record<string, unknown>> {
  return {
    host: hostInfo(host),
    plugins: { authorization: null, log: ["k8s-file", "none", "passthrough", "journald"], network: ["bridge", "macvlan", "ipvlan"], volume: ["local", ...Object.keys(host.conf.engine.volume_plugins ?? {}).sort()] },
    registries: await registriesInfo(host),
    store: storeInfo(host),
    version: versionInfo(),
  };
}

async function registriesInfo(host: Host): Promise<Record<string, unknown>> {
  const { registriesOf } = await import("../image/short-names.ts");
  const { unqualifiedSearch } = registriesOf(host.imageSystem) as unknown as { unqualifiedSearch?: readonly string[] };
  return unqualifiedSearch?.length ? { search: unqualifiedSearch } : {};
}

declare const CORACLE_BUILT: number | undefined;
declare const CORACLE_COMMIT: string | undefined;

/** Podman's version whose command line this is; scripts compare it. */
export const podmanVersion = "5.8.6";

function versionInfo(): Record<string, unknown> {
  const built = typeof CORACLE_BUILT === "number" ? CORACLE_BUILT : 0;
  return {
    APIVersion: podmanVersion,
    Version: podmanVersion,
    GoVersion: `bun${typeof Bun === "undefined" ? "" : Bun.version}`,
    GitCommit: typeof CORACLE_COMMIT === "string" ? CORACLE_COMMIT : "",
    BuiltTime: rfc3339Nano(built * 1000),
    Built: built,
    BuildOrigin: "Coracle",
    OsArch: `linux/${hostArchitecture()}`,
    Os: "linux",
  };
}

/** podman's `version` JSON: { Client: {…} }. */
export function version(): Record<string, unknown> {
  return { Client: versionInfo() };
}
