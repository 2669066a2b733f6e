// The options of `from` and `run` that say how commands run in a working container, each with the field of the spec it sets.
// Source: buildah-from(1), buildah-run(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { list, text, texts, toggle } from "../../cli/flag.ts";
import { limitFlags } from "../container/limit-flags.ts";
import { networkFlags } from "../container/network-flags.ts";
import { processFlags } from "../container/process-flags.ts";
import { securityFlags } from "../container/security-flags.ts";
import { field } from "../container/spec-flag.ts";
import { storageFlags } from "../container/storage-flags.ts";
import { readNamespace } from "../container/written/namespaces.ts";
import { readNetworks } from "../container/written/networks.ts";
import { refuse } from "../container/written/refuse.ts";
import { readVolume } from "../container/written/volumes.ts";
import { usersFlags } from "./users-flags.ts";

type Kind = keyof NonNullable<ContainerSpec["namespaces"]>;

/** "container", "private" and "" are a namespace of its own; a path may stand without "ns:". */
function readKind(written: string): ReturnType<typeof readNamespace> {
  if (written === "container") return { kind: "private" };
  return readNamespace(written.startsWith("/") ? `ns:${written}` : written);
}

const namespace = (kind: Kind, help: string) => field(text({ help }), (spec, written) => {
  spec.namespaces = { ...spec.namespaces, [kind]: readKind(written) };
});

function readNetwork(written: string): ContainerSpec["network"] {
  if (written === "private" || written === "container" || written === "") return { mode: "private" };
  return readNetworks([written.startsWith("/") ? `ns:${written}` : written]);
}

/** Sources are directories and files of the host; names of volumes mean nothing here. */
function readHostVolume(written: string): NonNullable<ContainerSpec["mounts"]>[number] {
  const mount = readVolume(written);
  if (mount.kind !== "volume") return mount;
  if (mount.source === "") throw refuse(`incorrect volume format ${JSON.stringify(written)}, should be host-dir:ctr-dir[:option]`);
  throw refuse(`invalid volume ${JSON.stringify(written)}: the source must be an absolute path of the host`);
}

/** Kept with the container, for whatever runs in it later. */
export const cdiConfigDir = field(texts({ value: "directory", help: "directory of CDI configuration files", hidden: true }), (spec, directories) => {
  spec.cdiSpecDirs = [...directories];
});

export const namespaceFlags = {
  cgroupns: namespace("cgroup", "'private', or 'host'"),
  ipc: namespace("ipc", "'private', path of IPC namespace to join, or 'host'"),
  network: field(text({ help: "'private', 'none', 'ns:path' of network namespace to join, or 'host'", aliases: ["net"] }), (spec, written) => {
    spec.network = readNetwork(written)!;
  }),
  pid: namespace("pid", "private, path of PID namespace to join, or 'host'"),
  uts: namespace("uts", "private, :path of UTS namespace to join, or 'host'"),
  cniConfigDir: text({ value: "directory", help: "directory of CNI configuration files", hidden: true }),
  cniPluginPath: text({ value: "path", help: "path of CNI network plugins", hidden: true }),
} as const;

export const capabilityFlags = {
  capAdd: securityFlags.capAdd,
  capDrop: securityFlags.capDrop,
  cdiConfigDir,
  device: storageFlags.device,
} as const;

export const volume = field(texts({ short: "v", help: "bind mount a host location into the container while running the command" }), (spec, written) => {
  (spec.mounts ??= []).push(...written.map(readHostVolume));
});

/** Of `from` and of builds. */
export const fromFlags = {
  ...namespaceFlags,
  ...capabilityFlags,
  addHost: networkFlags.addHost,
  cgroupParent: limitFlags.cgroupParent,
  cpuPeriod: limitFlags.cpuPeriod,
  cpuQuota: limitFlags.cpuQuota,
  cpuShares: limitFlags.cpuShares,
  cpusetCpus: limitFlags.cpusetCpus,
  cpusetMems: limitFlags.cpusetMems,
  dns: networkFlags.dns,
  dnsOption: networkFlags.dnsOption,
  dnsSearch: networkFlags.dnsSearch,
  groupAdd: processFlags.groupAdd,
  httpProxy: field(toggle({ help: "pass through HTTP Proxy environment variables", fallback: true }), (spec, on) => {
    spec.httpProxy = on;
  }),
  isolation: text({ value: "type", help: "type of process isolation to use. Use BUILDAH_ISOLATION environment variable to override.", shown: '"oci"' }),
  memory: limitFlags.memory,
  memorySwap: limitFlags.memorySwap,
  securityOpt: securityFlags.securityOpt,
  shmSize: storageFlags.shmSize,
  ulimit: limitFlags.ulimit,
  ...usersFlags,
  volume,
} as const;

/** --isolation, or BUILDAH_ISOLATION. @throws Fault in buildah's words */
export function isolationOf(written: string | undefined): string {
  const word = written || process.env["BUILDAH_ISOLATION"] || "oci";
  const known: Readonly<Record<string, string>> = { oci: "oci", default: "oci", rootless: "rootless", chroot: "chroot" };
  const found = known[word.toLowerCase()];
  if (found !== undefined) return found;
  throw refuse(written ? `unrecognized isolation type ${JSON.stringify(written)}` : `unrecognized $BUILDAH_ISOLATION value ${JSON.stringify(word)}`);
}
