// A container's network: its namespace, its addresses, its ports; all of it up before the program starts, and down after.

import { mkdirSync, statSync } from "node:fs";
import type { NetworkAttachment } from "../../base/container-spec.ts";
import type { ContainerState, NetworkStatus } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { createNamedNetns, removeNamedNetns } from "../../kernel/namespaces.ts";
import { keepNetns, nameNetns } from "../../kernel/user-namespace.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { contains, formatAddress, parseAddress, parseSubnet, usableRange } from "./addresses.ts";
import { setUp, tearDown } from "./netavark.ts";
import type { Joined, NetavarkJob } from "./netavark.ts";
import { getNetwork } from "./networks.ts";
import type { Network, NetworkSubnet } from "./networks.ts";

/** Whether netavark has to do something for this container. */
export const isBridged = ({ spec }: ContainerRecord): boolean => spec.network?.mode === "bridge";

/** Whether the container has a namespace of its own, which we make and name. */
export const hasOwnNamespace = ({ spec }: ContainerRecord): boolean =>
  spec.network?.mode === "bridge" || spec.network?.mode === "none" || spec.network?.mode === "pasta";

export const namespacePath = (host: Host, id: string): string => `${host.paths.namespaces}/${id}`;

/** What an ordinary user's container may ask for: netavark would need a network namespace of the user's own between. */
export function refuseUnreachable(host: Host, { spec }: ContainerRecord): void {
  const mode = spec.network?.mode;
  if (mode === "slirp4netns") throw new Fault("usage.unsupported", "cannot use --network slirp4netns: this version connects by pasta", { hint: "use --network pasta" });
  if (host.rootless && mode === "bridge") {
    throw new Fault("usage.unsupported", "cannot join a bridge network as an ordinary user: this version connects users' containers by pasta only", { hint: "use --network pasta, or run as root" });
  }
  if (!host.rootless && mode === "pasta") throw new Fault("usage.unsupported", "cannot use --network pasta as root: it serves ordinary users", { hint: "use --network bridge" });
}

/** Makes the container's network namespace, or names one that is `made`; one left over from a crash goes first. */
export function makeNamespace(host: Host, id: string, made?: string): string {
  const path = namespacePath(host, id);
  mkdirSync(host.paths.namespaces, { recursive: true, mode: 0o755 });
  if (statSync(path, { throwIfNoEntry: false })) removeNamedNetns(path);
  if (made !== undefined) nameNetns(path, made, !host.rootless);
  else if (host.rootless) keepNetns(path);
  else createNamedNetns(path);
  return path;
}

/** All that a container may get, those after `last` first: an address that was let go rests for as long as there are others. */
function inRange({ subnet, gateway, lease_range: range }: NetworkSubnet, after: bigint | undefined): Iterable<bigint> {
  const parsed = parseSubnet(subnet);
  const usable = usableRange(parsed);
  const first = range?.start_ip ? parseAddress(range.start_ip)?.value ?? usable.first : usable.first;
  const last = range?.end_ip ? parseAddress(range.end_ip)?.value ?? usable.last : usable.last;
  const taken = gateway ? parseAddress(gateway)?.value : undefined;
  return (function* () {
    const start = after !== undefined && after >= first && after < last ? after + 1n : first;
    for (let value = start; value <= last; value++) if (value !== taken) yield value;
    for (let value = first; value < start; value++) if (value !== taken) yield value;
  })();
}

function takeFree(host: Host, network: Network, subnet: NetworkSubnet, id: string): string {
  const { version } = parseSubnet(subnet.subnet);
  const used = new Set(host.state.addressesOf(network.name).map(({ ip }) => ip));
  const note = `last/${network.name}/${subnet.subnet}`;
  const last = parseAddress(host.state.addressesOf(note)[0]?.ip ?? "")?.value;
  for (const value of inRange(subnet, last)) {
    const ip = formatAddress({ version, value });
    if (used.has(ip) || !host.state.takeAddress(network.name, ip, id)) continue;
    host.state.freeAddressesOn(note, "");
    host.state.takeAddress(note, ip, "");
    return ip;
  }
  throw new Fault("network.failed", `IPAM error: failed to find free IP in range: ${subnet.subnet}`, {
    hint: "remove containers of this network or give it a wider subnet",
  });
}

function takeStatic(host: Host, network: Network, text: string, id: string): string {
  const address = parseAddress(text);
  if (!address || !(network.subnets ?? []).some(({ subnet }) => contains(parseSubnet(subnet), address))) {
    throw new Fault("network.failed", `requested static ip ${text} not in any subnet on network ${network.name}`);
  }
  const ip = formatAddress(address);
  const holder = host.state.addressesOf(network.name).find(taken => taken.ip === ip);
  if (holder?.containerId === id || host.state.takeAddress(network.name, ip, id)) return ip;
  throw new Fault("network.failed", `IPAM error: requested ip address ${ip} is already allocated to container ID ${holder?.containerId ?? "unknown"}`);
}

function addressesFor(host: Host, network: Network, attachment: NetworkAttachment, id: string): string[] {
  if (network.ipam_options?.driver === "none" || network.ipam_options?.driver === "dhcp") return [];
  const wanted = (attachment.ips ?? []).map(ip => takeStatic(host, network, ip, id));
  const covered = (subnet: NetworkSubnet) => wanted.some(ip => contains(parseSubnet(subnet.subnet), parseAddress(ip)!));
  const free = (network.subnets ?? []).filter(subnet => !covered(subnet)).map(subnet => takeFree(host, network, subnet, id));
  return [...wanted, ...free];
}

/** The networks of a container with an address in each; kept in the state until `disconnect`. */
export function join(host: Host, { id, spec }: ContainerRecord): Joined[] {
  const attachments = spec.network?.networks ?? [];
  return host.state.transaction(() => attachments.map((attachment, index) => {
    const network = getNetwork(host, attachment.network);
    return {
      network,
      interfaceName: attachment.interfaceName ?? `eth${index}`,
      ips: addressesFor(host, network, attachment, id),
      ...(attachment.mac ? { mac: attachment.mac } : {}),
      aliases: [...(attachment.aliases ?? []), id.slice(0, 12), ...(spec.hostname ? [spec.hostname] : [])],
      ...(attachment.options ? { options: attachment.options } : {}),
    };
  }));
}

function job(host: Host, { id, name, spec }: ContainerRecord, joined: readonly Joined[]): NetavarkJob {
  const dnsServers = spec.dnsServers?.length ? spec.dnsServers : host.conf.containers.dns_servers;
  return { id, name, spec, namespace: namespacePath(host, id), joined, ...(dnsServers?.length ? { dnsServers } : {}) };
}

/**
 * @param how.frees networks whose addresses are free again after a failure; absent: all of them
 * @throws Fault "network.failed", "component.missing"
 */
export async function connect(
  host: Host,
  record: ContainerRecord,
  joined: readonly Joined[],
  how: { readonly frees?: readonly string[] } = {},
): Promise<Record<string, NetworkStatus>> {
  if (joined.length === 0) return {};
  try {
    return await setUp(host, job(host, record, joined));
  } catch (thrown) {
    if (how.frees === undefined) host.state.freeAddresses(record.id);
    for (const network of how.frees ?? []) host.state.freeAddressesOn(network, record.id);
    throw thrown;
  }
}

/** Takes down those networks of a container that `status` is of. @throws Fault "network.failed" */
export async function leave(host: Host, record: ContainerRecord, status: Record<string, NetworkStatus>): Promise<void> {
  await tearDown(host, job(host, record, joinedBefore(host, record, status)));
}

/** The addresses a running container has, as `join` gave them, for taking its network down. */
function joinedBefore(host: Host, record: ContainerRecord, status: Record<string, NetworkStatus>): Joined[] {
  return (record.spec.network?.networks ?? []).flatMap((attachment, index) => {
    const given = status[attachment.network];
    if (!given) return [];
    const ips = Object.values(given.interfaces ?? {}).flatMap(({ subnets = [] }) => subnets.map(({ ipnet }) => ipnet.split("/")[0]!));
    return [{
      network: getNetwork(host, attachment.network),
      interfaceName: attachment.interfaceName ?? Object.keys(given.interfaces ?? {})[0] ?? `eth${index}`,
      ips,
      aliases: attachment.aliases ?? [],
    }];
  });
}

/** Takes all of it down; what fails is logged, as the container has ended anyway. */
export async function disconnect(host: Host, record: ContainerRecord, state: ContainerState): Promise<void> {
  if (!hasOwnNamespace(record)) return;
  if (state.networkStatus && Object.keys(state.networkStatus).length > 0) {
    try {
      await tearDown(host, job(host, record, joinedBefore(host, record, state.networkStatus)));
    } catch (thrown) {
      log.error(`Unable to clean up network for container ${record.id}: ${JSON.stringify((thrown as Error).message)}`);
    }
  }
  host.state.freeAddresses(record.id);
  removeNamedNetns(namespacePath(host, record.id));
}
