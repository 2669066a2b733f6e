// Our container in the words of podman's config.dump and spec.dump, so that podman can import it.
// Source: podman's libpod.ContainerConfig by its JSON; OCI runtime-spec config.md.

import { readFileSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import type { OciConfig } from "../../runtime/oci.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

const podmanRoot = "/var/lib/containers/storage";
const podmanRun = "/run/containers/storage";
const own = (base: string, id: string): string => `${base}/overlay-containers/${id}/userdata`;

/** Go writes a map of lists: { "80": ["tcp"] }. */
function exposedOf({ expose = [] }: ContainerSpec): Record<string, string[]> {
  const ports: Record<string, string[]> = {};
  for (const entry of expose) {
    const [port = "", protocol = "tcp"] = entry.split("/");
    (ports[port] ??= []).push(protocol);
  }
  return ports;
}

function networksOf({ id, spec }: ContainerRecord): Record<string, unknown> {
  return Object.fromEntries((spec.network?.networks ?? []).map((one, index) => [one.network, {
    ...(one.ips ? { static_ips: one.ips } : {}), ...(one.mac ? { static_mac: one.mac } : {}),
    ...(one.aliases ? { aliases: one.aliases.filter(alias => alias !== id.slice(0, 12)) } : {}),
    interface_name: one.interfaceName ?? `eth${index}`,
  }]));
}

const volumesOf = ({ mounts = [] }: ContainerSpec): unknown[] => mounts.filter(({ kind }) => kind === "volume").map(mount => ({
  volumeName: mount.source, dest: mount.target, options: [...(mount.options.length > 0 ? mount.options : ["rprivate", "nosuid", "nodev", "rbind"])],
  ...(mount.anonymous ? { isAnonymous: true } : {}),
}));

const portsOf = ({ ports = [] }: ContainerSpec): unknown[] =>
  ports.map(({ hostIp, containerPort, hostPort, range, protocol }) => ({ host_ip: hostIp, container_port: containerPort, host_port: hostPort, range, protocol }));

/** As podman's import reads it; paths are those that podman itself would choose. */
export function podmanConfig(record: ContainerRecord, config: OciConfig): Record<string, unknown> {
  const { id, name, spec, state } = record;
  const isBridge = spec.network?.mode === "bridge";
  return {
    spec: config, id, name, lockID: 0,
    ...(spec.createCommand ? { CreateCommand: spec.createCommand } : {}),
    ...(spec.imageName ? { RawImageName: spec.imageName } : {}),
    idMappingsOptions: { HostUIDMapping: true, HostGIDMapping: true, UIDMap: null, GIDMap: null, AutoUserNs: false },
    Dependencies: null,
    ...(spec.imageId ? { rootfsImageID: spec.imageId, rootfsImageName: spec.imageReference ?? spec.imageName } : {}),
    ...(spec.rootfs ? { rootfs: spec.rootfs.path, rootfs_overlay: spec.rootfs.overlay ?? false } : {}),
    ...((spec.namespaces?.ipc?.kind ?? "shareable") === "shareable" ? { ShmDir: `${own(podmanRoot, id)}/shm` } : { NOShmShare: true }),
    shmSize: spec.shmBytes ?? 65_536_000, shmSizeSystemd: spec.shmSystemdBytes ?? 0, staticDir: own(podmanRoot, id),
    namedVolumes: volumesOf(spec), secretsPath: `${own(podmanRoot, id)}/secrets`, storageOpts: null,
    privileged: spec.security?.privileged ?? false, ...(spec.security?.labels?.length ? { labelopts: spec.security.labels } : {}), label_nested: false,
    ...(spec.user ? { user: spec.user } : {}), ...(spec.groupAdd ? { groups: spec.groupAdd } : {}),
    createNetNS: isBridge || spec.network?.mode === "none", networkMode: spec.network?.mode ?? "", ...(isBridge ? { newNetworks: networksOf(record) } : {}),
    newPortMappings: portsOf(spec),
    ...(spec.expose?.length ? { exposedPorts: exposedOf(spec) } : {}),
    UseImageResolvConf: false, useImageHostname: spec.noHostname ?? false, UseImageHosts: spec.noHosts ?? false,
    ...(spec.dnsServers?.length ? { dnsServer: spec.dnsServers } : {}), ...(spec.dnsSearch?.length ? { dnsSearch: spec.dnsSearch } : {}),
    ...(spec.dnsOptions?.length ? { dnsOption: spec.dnsOptions } : {}), ...(spec.hostAdd?.length ? { hostsAdd: spec.hostAdd } : {}),
    userVolumes: (spec.mounts ?? []).map(({ target }) => target), ...(spec.entrypoint?.length ? { entrypoint: spec.entrypoint } : {}),
    ...(spec.command?.length ? { command: spec.command } : {}), ...(spec.stdin ? { stdin: true } : {}), labels: spec.labels ?? {},
    stopSignal: spec.stopSignal ?? 15, stopTimeout: spec.stopTimeout ?? 10, ...(spec.timeout ? { timeout: spec.timeout } : {}), createdTime: state.createdAt,
    cgroupManager: "cgroupfs", ...(spec.cgroups === "disabled" ? { noCgroups: true } : {}), cgroupsMode: spec.cgroups ?? "enabled", cgroupParent: spec.cgroupParent ?? "/libpod_parent",
    kubeExitCodePropagation: 0, logPath: `${own(podmanRoot, id)}/ctr.log`, logTag: spec.log?.tag ?? "", logSize: spec.log?.sizeMax ?? 0, logDriver: spec.log?.driver ?? "k8s-file",
    conmonPidFile: `${own(podmanRun, id)}/conmon.pid`, pid_file: `${own(podmanRun, id)}/pidfile`,
    ...(spec.restart ? { restart_policy: spec.restart.policy, ...(spec.restart.retries ? { restart_retries: spec.restart.retries } : {}) } : {}),
    postConfigureNetNS: false, runtime: spec.runtime?.split("/").at(-1) ?? "crun", pause: false, defaultPause: false, isService: false, sdnotifyMode: "container",
    ...(spec.systemd === "always" ? { systemd: true } : {}), healthcheck: spec.health?.check ?? null, healthcheck_on_failure_action: 0,
    umask: spec.umask ?? "0022", ...(spec.timezone ? { timezone: spec.timezone } : {}), mountAllDevices: false, readWriteTmpfs: spec.security?.readWriteTmpfs ?? false,
  };
}

/** Those of ours are left out, as podman makes its own; a volume is where podman has it. */
export function podmanSpec(host: Host, record: ContainerRecord, config: OciConfig): OciConfig {
  const { paths } = host;
  const inside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  const mounts = config.mounts.flatMap(mount => {
    if (inside(mount.source, paths.volumes)) return [{ ...mount, source: `${podmanRoot}/volumes${mount.source.slice(paths.volumes.length)}` }];
    return [paths.runDir(record.id), paths.staticDir(record.id)].some(folder => inside(mount.source, folder)) ? [] : [mount];
  });
  return { ...config, mounts };
}

export function readBundleConfig(bundle: string): OciConfig {
  return JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")) as OciConfig;
}
