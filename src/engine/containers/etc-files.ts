// The files under /etc that every container gets its own of: hosts, resolv.conf, hostname, and /run/.containerenv.
// Source: hosts(5), resolv.conf(5); podman-run(1), "--dns", "--add-host", "--no-hosts".

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { Fault, errnoOf } from "../../base/fault.ts";
import type { Host } from "../host.ts";
import { pastaHost, pastaServers, showsHost } from "../networks/pasta.ts";
import type { ContainerRecord } from "../state/state.ts";

interface HostEntry {
  readonly ip: string;
  readonly names: readonly string[];
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

export function parseHosts(text: string): HostEntry[] {
  return text.split("\n").flatMap(line => {
    const words = line.replace(/#.*/, "").trim().split(/\s+/);
    const [ip = "", ...names] = words;
    return ip === "" || names.length === 0 ? [] : [{ ip, names }];
  });
}

/** "name:ip", "name1;name2:ip" and "name:host-gateway". @throws Fault "usage.invalid" */
export function parseAddedHost(text: string, gateway: string | undefined): HostEntry {
  const colon = text.indexOf(":");
  const names = text.slice(0, colon).split(";").filter(name => name !== "");
  const address = text.slice(colon + 1).replace(/^\[(.*)\]$/, "$1");
  if (colon < 0 || names.length === 0 || address === "") throw new Fault("usage.invalid", `unable to parse host entry ${JSON.stringify(text)}: incorrect format`);
  if (address !== "host-gateway") return { ip: address, names };
  if (!gateway) throw new Fault("usage.invalid", `unable to replace "host-gateway" of host entry ${JSON.stringify(text)}: host containers internal IP address is empty`);
  return { ip: gateway, names };
}

export interface HostsFile {
  /** As --add-host takes them. */
  readonly added: readonly string[];
  /** The file it starts from. */
  readonly base: string;
  readonly own: readonly HostEntry[];
  /** What host.containers.internal is. */
  readonly gateway?: string;
}

/** Own entries give way to names that the person or the base file has set. */
export function hostsText({ added, base, own, gateway }: HostsFile): string {
  const first = [...added.map(text => parseAddedHost(text, gateway)), ...parseHosts(base)];
  const taken = new Set(first.flatMap(({ names }) => names));
  const internal = gateway ? [{ ip: gateway, names: ["host.containers.internal", "host.docker.internal"] }] : [];
  const localhost = [{ ip: "127.0.0.1", names: ["localhost"] }, { ip: "::1", names: ["localhost"] }];
  const rest = [...localhost, ...internal, ...own]
    .map(({ ip, names }) => ({ ip, names: names.filter(name => !taken.has(name)) }))
    .filter(({ names }) => names.length > 0);
  return [...first, ...rest].map(({ ip, names }) => `${ip}\t${names.join(" ")}\n`).join("");
}

export interface ResolvFile {
  /** The host's own. */
  readonly base: string;
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** Servers the networks bring; with them the host's are not asked directly. */
  readonly networkServers: readonly string[];
  readonly networkSearch: readonly string[];
  /** They ask the host's resolver, so they come before what the host asks, which may not be reached from inside. */
  readonly forwarders?: readonly string[];
  /** The host's loopback is the container's too. */
  readonly sharesLoopback: boolean;
}

const isLoopback = (server: string): boolean => server.startsWith("127.") || server === "::1";

function baseValues(base: string, key: string): string[] {
  return base.split("\n").flatMap(line => {
    const words = line.trim().split(/\s+/);
    return words[0] === key ? words.slice(1) : [];
  });
}

export function resolvText(file: ResolvFile): string {
  const hosts = baseValues(file.base, "nameserver").filter(server => file.sharesLoopback || !isLoopback(server));
  const known = [...file.forwarders ?? [], ...hosts];
  const fallback = known.length > 0 ? known : file.sharesLoopback ? [] : ["8.8.8.8", "8.8.4.4"];
  const servers = file.networkServers.length > 0 ? file.networkServers : file.servers.length > 0 ? file.servers : fallback;
  const search = file.search.length > 0 ? file.search : [...new Set([...file.networkSearch, ...baseValues(file.base, "search")])];
  const options = file.options.length > 0 ? file.options : baseValues(file.base, "options");
  const searchLine = search.length > 0 && search[0] !== "." ? `search ${search.join(" ")}\n` : "";
  return searchLine + servers.map(server => `nameserver ${server}\n`).join("") + (options.length > 0 ? `options ${options.join(" ")}\n` : "");
}

function addressesOf(status: Record<string, NetworkStatus> | undefined): string[] {
  return Object.values(status ?? {}).flatMap(({ interfaces }) =>
    Object.values(interfaces ?? {}).flatMap(({ subnets = [] }) => subnets.map(({ ipnet }) => ipnet.split("/")[0]!)));
}

function gatewayOf(status: Record<string, NetworkStatus> | undefined): string | undefined {
  for (const { interfaces } of Object.values(status ?? {})) {
    for (const { subnets = [] } of Object.values(interfaces ?? {})) for (const { gateway } of subnets) if (gateway) return gateway;
  }
  return undefined;
}

function baseHosts(host: Host, spec: ContainerSpec): string {
  const file = spec.hostsFile ?? host.conf.containers.base_hosts_file ?? "";
  if (file === "none" || file === "image") return "";
  return readText(file === "" ? "/etc/hosts" : file);
}

/** What reaches the host from inside. An ordinary user's bridges end in a namespace of their own, out of which pasta leads. */
function hostAddress(host: Host, { network }: ContainerSpec, status: Record<string, NetworkStatus> | undefined): string | undefined {
  if (network?.mode === "host") return "127.0.0.1";
  if (!host.rootless) return gatewayOf(status);
  return (network?.mode === "pasta" || network?.mode === "bridge") && showsHost(host) ? pastaHost : undefined;
}

function hostsOf(host: Host, { name, spec }: ContainerRecord, status: Record<string, NetworkStatus> | undefined): string {
  const names = [...new Set([spec.hostname ?? name, name])];
  const own = spec.network?.mode === "none" ? [{ ip: "127.0.0.1", names }] : addressesOf(status).map(ip => ({ ip, names: [spec.hostname ?? name, name] }));
  const configured = host.conf.containers.host_containers_internal_ip;
  const gateway = configured === "none" ? undefined : configured || hostAddress(host, spec, status);
  return hostsText({ added: spec.hostAdd ?? [], base: baseHosts(host, spec), own, ...(gateway ? { gateway } : {}) });
}

/** systemd-resolved's stub cannot be reached from another network namespace; its upstream list can. */
function hostResolv(): string {
  const text = readText("/etc/resolv.conf");
  return baseValues(text, "nameserver").join() === "127.0.0.53" ? readText("/run/systemd/resolve/resolv.conf") || text : text;
}

function resolvOf(host: Host, { spec }: ContainerRecord, status: Record<string, NetworkStatus> | undefined): string {
  const conf = host.conf.containers;
  const networks = Object.values(status ?? {});
  return resolvText({
    base: hostResolv(),
    servers: spec.dnsServers ?? conf.dns_servers ?? [],
    search: spec.dnsSearch ?? conf.dns_searches ?? [],
    options: spec.dnsOptions ?? conf.dns_options ?? [],
    networkServers: networks.flatMap(network => network.dns_server_ips ?? []),
    networkSearch: networks.flatMap(network => network.dns_search_domains ?? []),
    ...(spec.network?.mode === "pasta" ? { forwarders: pastaServers(host, spec) } : {}),
    sharesLoopback: spec.network?.mode === "host" || spec.network?.mode === "path",
  });
}

/** What a network has changed goes and comes line by line; what the container itself has written stays. */
function refreshed(now: string, before: string, after: string): string {
  if (now === before) return after;
  const old = new Set(before.split("\n"));
  const wanted = after.split("\n").filter(line => line !== "");
  const gone = new Set([...old].filter(line => line !== "" && !wanted.includes(line)));
  const kept = now.split("\n").filter(line => !gone.has(line)).join("\n");
  const added = wanted.filter(line => !old.has(line));
  return `${kept}${kept === "" || kept.endsWith("\n") ? "" : "\n"}${added.map(line => `${line}\n`).join("")}`;
}

/** For a container whose networks have changed while it runs. */
export function refreshEtcFiles(host: Host, record: ContainerRecord, { before, after }: Record<"before" | "after", Record<string, NetworkStatus>>): void {
  const files = record.state.bindMounts ?? {};
  for (const [target, textOf] of [["/etc/hosts", hostsOf], ["/etc/resolv.conf", resolvOf]] as const) {
    const file = files[target];
    if (file === undefined) continue;
    const now = readText(file);
    const text = refreshed(now, textOf(host, record, before), textOf(host, record, after));
    if (text !== now) writeFileSync(file, text);
  }
}

function containerenv(record: ContainerRecord, rootless: boolean): string {
  const { id, name, spec } = record;
  if (spec.engine === undefined && !spec.security?.privileged) return "";
  const lines = [`engine="${spec.engine ?? "podman-5.8.0"}"`, `name="${name}"`, `id="${id}"`, `image="${spec.imageReference ?? spec.imageName ?? ""}"`, `imageid="${spec.imageId ?? ""}"`, `rootless=${rootless ? 1 : 0}`];
  return `${lines.join("\n")}\n`;
}

const isMountedOver = (spec: ContainerSpec, target: string): boolean => (spec.mounts ?? []).some(mount => mount.target === target);

/** Whether /run is someone else's directory: nothing of ours is put into it. */
const hasForeignRun = (spec: ContainerSpec): boolean =>
  (spec.mounts ?? []).some(({ kind, target }) => (kind === "bind" || kind === "volume") && (target === "/run" || target === "/run/"));

/** A copy of the zone's file; "local" is the host's own. @throws Fault "usage.invalid" for a zone that is not there */
function putTimezone(zone: string, copy: string, mounted: (path: string) => unknown): void {
  const source = zone === "local" ? "/etc/localtime" : `${process.env.TZDIR || "/usr/share/zoneinfo"}/${zone}`;
  if (zone.split("/").includes("..")) throw new Fault("usage.invalid", `finding timezone: "${zone}" is not the name of a zone`);
  try {
    copyFileSync(source, copy);
  } catch (cause) {
    if (zone === "local" && errnoOf(cause) === "ENOENT") return;
    throw new Fault("usage.invalid", `finding timezone: stat ${source}: ${errnoOf(cause) === "ENOENT" ? "no such file or directory" : String(cause)}`, { cause });
  }
  mounted(copy);
}

/**
 * Writes the files into the container's run directory, keeping their inodes, and answers what to mount where.
 * To be called once before the container is created and again when its networks have answered.
 */
export function writeEtcFiles(host: Host, record: ContainerRecord, status?: Record<string, NetworkStatus>): Record<string, string> {
  const { id, spec } = record;
  const directory = `${host.paths.runDir(id)}/etc`;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const mounted: Record<string, string> = {};
  const put = (target: string, name: string, text: string) => {
    if (isMountedOver(spec, target)) return;
    writeFileSync(`${directory}/${name}`, text, { mode: name === ".containerenv" ? 0o700 : 0o644 });
    mounted[target] = `${directory}/${name}`;
  };
  if (!spec.dnsServers?.includes("none") && spec.network?.mode !== "container") put("/etc/resolv.conf", "resolv.conf", resolvOf(host, record, status));
  if (!spec.noHosts && spec.network?.mode !== "container") put("/etc/hosts", "hosts", hostsOf(host, record, status));
  if (!spec.noHostname) put("/etc/hostname", "hostname", `${spec.hostname ?? ""}\n`);
  if (spec.timezone) putTimezone(spec.timezone, `${directory}/localtime`, path => isMountedOver(spec, "/etc/localtime") || (mounted["/etc/localtime"] = path));
  if (!hasForeignRun(spec)) put("/run/.containerenv", ".containerenv", containerenv(record, host.rootless));
  return mounted;
}
