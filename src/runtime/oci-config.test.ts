// config.json beside what podman 5.8.6 writes for the same wishes (podman-configs.json), and what it must never say.

import { expect, test } from "bun:test";
import type { ContainerSpec } from "../base/container-spec.ts";
import { boundedCapabilities } from "../security/capabilities.ts";
import type { ConfigFacts, ResolvedMount } from "./facts.ts";
import type { OciConfig, OciDeviceRule } from "./oci.ts";
import { execProcess, ociConfig } from "./oci-config.ts";
import known from "./podman-configs.json";

const own = { pid: {}, network: { path: "/run/netns/x" }, ipc: {}, uts: {} };
const facts: ConfigFacts = {
  id: "ID", rootPath: "/root-of-it", identity: { uid: 0, gid: 0, additionalGids: [0], home: "/" }, files: {}, mounts: [],
  namespaces: own, cgroups: { mode: "v1", path: "/libpod_parent/libpod-ID" }, shmPath: "/run/x/userdata/shm",
  hardLimits: { nofile: 20_000, nproc: 96_365, of: () => 20_000 }, mayRaiseLimits: false, rootless: false, devices: [],
  apparmor: { isEnabled: false, loaded: "" }, hostname: "h", ttyGroup: 5, pidsLimitDefault: 2048, env: [],
  defaultSysctl: { "net.ipv4.ping_group_range": "0 0" },
};
const user = { uid: 1000, gid: 0, additionalGids: [0], home: "/" };
const bind = (source: string, target: string, options: string[] = [], readOnly?: boolean): ResolvedMount =>
  ({ kind: "bind", source, target, options, ...(readOnly === undefined ? {} : { readOnly }) });
const tmpfs = (target: string, options: string[] = []): ResolvedMount => ({ kind: "tmpfs", source: "tmpfs", target, options });
const maps = [{ containerID: 0, hostID: 100_000, size: 1000 }];

const cases: Record<keyof typeof known.differences, [ContainerSpec, Partial<ConfigFacts>?]> = {
  tty: [{ terminal: true }],
  priv: [{ security: { privileged: true } }],
  privtty: [{ terminal: true, security: { privileged: true } }],
  ro: [{ security: { readOnlyRoot: true } }],
  rotmp: [{ security: { readOnlyRoot: true, readWriteTmpfs: false } }],
  device: [
    { devices: [{ source: "/dev/fuse", target: "/dev/fuse", access: "rwm" }, { source: "/dev/null", target: "/dev/xnull", access: "r" }] },
    { devices: [{ source: "/dev/fuse", path: "/dev/fuse", type: "c", major: 10, minor: 229 }, { source: "/dev/null", path: "/dev/xnull", type: "c", major: 1, minor: 3 }] },
  ],
  sysctl: [{ sysctl: { "net.core.somaxconn": "65" } }],
  ulimit: [{ ulimits: [{ name: "nofile", soft: 100, hard: 200 }, { name: "core", soft: 0, hard: 0 }] }],
  hostns: [{ namespaces: { pid: { kind: "host" }, ipc: { kind: "host" }, uts: { kind: "host" } } }, { namespaces: { network: {} }, shmPath: "/dev/shm" }],
  hostnet: [{ network: { mode: "host" } }, { namespaces: { pid: {}, ipc: {}, uts: {} } }],
  nnp: [{ security: { noNewPrivileges: true, seccomp: "unconfined", apparmor: "unconfined", labels: ["disable"] } }],
  unmask: [{ security: { unmask: ["ALL"] } }],
  unmask1: [{ security: { unmask: ["/proc/acpi"], mask: ["/tmp/x"], procOptions: ["hidepid=2"] } }],
  tmpfs: [{}, { mounts: [tmpfs("/foo"), tmpfs("/bar", ["size=64k", "mode=755"])] }],
  volprop: [{}, { mounts: [bind("/etc", "/e1", ["rslave"]), bind("/usr", "/e2", ["rbind", "shared"]), bind("/usr", "/e3", ["bind"])] }],
  vol: [{}, { mounts: [
    bind("/etc", "/etc2", ["ro"], true), bind("/usr", "/usr2"), bind("/tmp", "/t3", ["rw", "nosuid", "Z"]),
    { kind: "volume", source: "/volumes/foo", target: "/vol", options: [] },
  ] }],
  mountt: [{}, { mounts: [tmpfs("/mt", ["size=1m"]), bind("/etc", "/mb", ["ro"])] }],
  init: [{ init: true }, { initPath: "/usr/libexec/podman/catatonit" }],
  limits: [{ oomScoreAdj: 100, resources: {
    memoryBytes: 67_108_864, memorySwapBytes: 134_217_728, memoryReservationBytes: 33_554_432, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000,
    cpusetCpus: "0", pidsLimit: 50, cpuShares: 100,
  } }],
  cap: [{ security: { capAdd: ["SYS_TIME"], capDrop: ["CHOWN", "KILL"] } }],
  capall: [{ security: { capAdd: ["ALL"] } }],
  capdrop: [{ security: { capDrop: ["ALL"] } }],
  privcapdrop: [{ security: { privileged: true, capDrop: ["ALL"] } }],
  capuser: [{ user: "1000", security: { capAdd: ["net_raw"] } }, { identity: user }],
  useruser: [{ user: "1000" }, { identity: user }],
  privuser: [{ user: "1000", security: { privileged: true } }, { identity: user }],
  devrule: [{ deviceCgroupRules: ["c 1:3 rwm"] }],
  cgparent: [{ cgroupParent: "/foo" }, { cgroups: { mode: "v1", path: "/foo/libpod-ID" } }],
  cgdis: [{ cgroups: "disabled" }, { cgroups: { mode: "v1" } }],
  oom: [{ resources: { memoryBytes: 67_108_864, memorySwapBytes: 134_217_728, oomKillDisable: true } }],
  stopsig: [{ stopSignal: 9 }],
  ipcnone: [{ namespaces: { ipc: { kind: "none" } } }],
  personality: [{ personality: "LINUX32" }],
  userns: [{ network: { mode: "none" } }, { namespaces: { ...own, user: {} }, idMaps: { uid: maps, gid: maps } }],
  utshn: [{ hostname: "foo" }, { hostname: "foo" }],
  cgns: [{ namespaces: { cgroup: { kind: "host" } } }],
  annot: [{ user: "1000:1000", umask: "0077", annotations: { a: "b" } }, { identity: { uid: 1000, gid: 1000, additionalGids: [5, 1000], home: "/" } }],
};

function flat(value: unknown, path = "", out: Record<string, unknown> = {}): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) out[path] = value;
  else for (const [name, one] of Object.entries(value)) flat(one, path === "" ? name : `${path}.${name}`, out);
  return out;
}

const rule = ({ allow, type = "", major, minor, access }: OciDeviceRule): string =>
  `${allow ? "allow" : "deny"} ${type} ${major ?? "*"}:${minor ?? "*"} ${access}`;

/** As podman-configs.json has it: order within lists that have none, places of this machine and empty values left out. */
function plain(config: OciConfig, withDevices: boolean): Record<string, unknown> {
  const { process, linux, root, annotations } = structuredClone(config);
  const all = JSON.stringify(boundedCapabilities().sort());
  const { devices = [], ...resources } = (linux.resources ?? {}) as { devices?: OciDeviceRule[] };
  const seen = flat({
    annotations, root: { readonly: root.readonly },
    process: {
      ...process, env: undefined, cwd: undefined, user: { ...process.user, additionalGids: undefined },
      rlimits: process.rlimits?.map(({ type, soft, hard }) => `${type} ${soft}:${hard}`).sort(),
      capabilities: Object.fromEntries(Object.entries(process.capabilities ?? {}).map(([set, names]) => [set, JSON.stringify(names) === all ? "all" : names])),
    },
    mounts: Object.fromEntries(config.mounts.map(({ destination, type, source, options }) =>
      [destination, [type, source.replace(/.*\/userdata\/shm/, "SHM"), ...[...options].sort()].join(" ")])),
    linux: {
      ...linux, resources: { ...resources, devices: devices.map(rule) },
      namespaces: linux.namespaces.map(({ type }) => type).sort(),
      devices: withDevices ? linux.devices?.map(device => `${device.path} ${device.type} ${device.major}:${device.minor}`).sort() : undefined,
      maskedPaths: [...linux.maskedPaths ?? []].sort(),
    },
  });
  return Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)));
}

for (const [name, [spec, over = {}]] of [["default", [{}]], ...Object.entries(cases)] as [keyof typeof cases | "default", [ContainerSpec, Partial<ConfigFacts>?]][]) {
  test(`config.json as podman writes it: ${name}`, () => {
    const differences: Record<string, unknown> = name === "default" ? {} : known.differences[name];
    const expected = Object.entries({ ...known.default, ...differences }).filter(([, value]) => value !== null);
    const ours = plain(ociConfig({ argv: ["true"], workdir: "/", ...spec }, { ...facts, ...over }), name === "device");
    expect(ours).toEqual(Object.fromEntries(expected));
  });
}

test("limits above our own are lowered where we may not raise them, and nowhere else", () => {
  const of = (mayRaiseLimits: boolean) => ociConfig({ ulimits: [{ name: "nofile", soft: 50_000, hard: -1 }, { name: "core", soft: 1, hard: 2 }] },
    { ...facts, mayRaiseLimits, hardLimits: { nofile: 20_000, nproc: 7, of: name => (name === "core" ? 1 : 20_000) } }).process.rlimits;
  expect(of(false)).toEqual([
    { type: "RLIMIT_NOFILE", soft: 20_000, hard: 20_000 }, { type: "RLIMIT_NPROC", soft: 7, hard: 7 }, { type: "RLIMIT_CORE", soft: 1, hard: 1 },
  ]);
  expect(of(true)?.[0]).toEqual({ type: "RLIMIT_NOFILE", soft: 50_000, hard: Number.POSITIVE_INFINITY });
});

test("--ulimit host sets none, so that ours are inherited", () => {
  expect(ociConfig({ ulimits: [{ name: "host", soft: -1, hard: -1 }] }, facts).process.rlimits).toEqual([]);
});

test("sysctls of a namespace that is the host's are left out, those that were asked for are not", () => {
  const shared = { ...facts, namespaces: {}, defaultSysctl: { "net.a": "1", "kernel.b": "2", "fs.mqueue.c": "3", "vm.d": "4" } };
  expect(ociConfig({ sysctl: { "net.e": "5" } }, shared).linux.sysctl).toEqual({ "vm.d": "4", "net.e": "5" });
});

test("an exec session has the container's limits and capabilities, with --privileged all that can be had", () => {
  const asked = { args: ["sh"], env: ["A=b"], cwd: "/tmp", terminal: true, privileged: false };
  const session = execProcess({ argv: ["true"], terminal: false, security: { capDrop: ["ALL"] } }, facts, asked);
  expect(session).toMatchObject({ args: ["sh"], env: ["A=b"], cwd: "/tmp", terminal: true, capabilities: { bounding: [] } });
  const all = boundedCapabilities().sort();
  expect(execProcess({}, facts, { ...asked, privileged: true }).capabilities?.effective).toEqual(all);
});

test("a profile of AppArmor reaches the process only where the kernel has AppArmor", () => {
  const of = (isEnabled: boolean, apparmor: string) => ociConfig({ security: { apparmor } }, { ...facts, apparmor: { isEnabled, loaded: "" } }).process.apparmorProfile;
  expect(of(true, "mine")).toBe("mine");
  expect(of(false, "unconfined")).toBeUndefined();
  expect(() => of(false, "mine")).toThrow("Apparmor is not enabled");
});
