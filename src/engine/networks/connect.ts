// A container's network: its namespace, its addresses, its ports; all of it up before the program starts, and down after.

import { mkdirSync, rmSync, statSync } from "node:fs";
import type { NetworkAttachment } from "../../base/container-spec.ts";
import type { ContainerState, NetworkStatus } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { createNamedNetns, removeNamedNetns } from "../../kernel/namespaces.ts";
import { keepNetns, nameNetns } from "../../kernel/user-namespace.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { contains, formatAddress, parseAddress, parseSubnet, usableRange } from "./addresses.ts";
import { forgetUser, setUp, tearDown } from "./netavark.ts";
import type { Joined, NetavarkJob } from "./netavark.ts";
import { getNetwork } from "./networks.ts";
import type { Network, NetworkSubnet } from "./networks.ts";
import { connectByPasta } from "./pasta.ts";
import { rootlessDns } from "./rootless-netns.ts";
import { openPorts, slirpName, startSlirp, stopByFile } from "./slirp.ts";

/** Whether netavark has to do something for this container. */
export const isBridged = ({ spec }: ContainerRecord): boolean => spec.network?.mode === "bridge";

/** Whether the container has a namespace of its own, which we make and name. */
export const hasOwnNamespace = ({ spec }: ContainerRecord): boolean =>
  spec.network?.mode === "bridge" || spec.network?.mode === "none" || spec.network?.mode === "pasta" || spec.network?.mode === "slirp4netns";

export const namespacePath = (host: Host, id: string): string => host.paths.namespaceOf(id);

/** Each of the helpers of ordinary users works for them alone. */
export function refuseUnreachable(host: Host, { spec }: ContainerRecord): void {
  const mode = spec.network?.mode;
  if (host.rootless || (mode !== "pasta" && mode !== "slirp4netns")) return;
  throw new Fault("usage.unsupported", `cannot use --network ${mode} as root: it serves ordinary users`, { hint: "use --network bridge" });
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

const slirpSocket = (host: Host, id: string): string => `${host.paths.namespaces}/${id.slice(0, 12)}.sock`;
const slirpFile = (host: Host, id: string): string => `${host.paths.namespaces}/${id}.slirp`;

/** Options of --network slirp4netns, as slirp4netns takes them. @throws Fault "usage.invalid" */
export function slirpArguments(options: readonly string[]): string[] {
  return options.flatMap(option => {
    const [name = "", value = ""] = option.split("=");
    if (name === "cidr") return [`--cidr=${value}`];
    if (name === "mtu") return [`--mtu=${value}`];
    if (name === "outbound_addr") return [`--outbound-addr=${value}`];
    if (name === "outbound_addr6") return [`--outbound-addr6=${value}`];
    if (name === "enable_ipv6") return value === "true" ? ["--enable-ipv6"] : [];
    // Its own forwarder is the only one there is.
    if (name === "port_handler" && (value === "slirp4netns" || value === "rootlesskit")) return [];
    throw new Fault("usage.invalid", `unknown option for slirp4netns: ${JSON.stringify(option)}`, { hint: "it takes cidr, mtu, outbound_addr, outbound_addr6, enable_ipv6 and port_handler" });
  });
}

/** One slirp4netns for a container that asked for it; `disconnect` ends it. */
async function connectBySlirp(host: Host, { id, spec }: ContainerRecord, namespace: string): Promise<void> {
  const socket = slirpSocket(host, id);
  await startSlirp({ namespace, device: "tap0", socket, pidFile: slirpFile(host, id), configures: true, arguments: slirpArguments(spec.network?.options ?? []) });
  openPorts(socket, spec.ports ?? [], false);
}

/** What an ordinary user's namespace that is on no bridge needs to reach the host's network; does nothing for the others. @throws Fault "network.failed" */
export async function connectOutward(host: Host, record: ContainerRecord, namespace: string): Promise<void> {
  if (record.spec.network?.mode === "pasta") await connectByPasta(host, record, namespace);
  if (record.spec.network?.mode === "slirp4netns") await connectBySlirp(host, record, namespace);
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

/** With interface_name = "device" in containers.conf an interface is called as the one it stands on. */
export function deviceName({ conf }: Host, { driver, network_interface: parent }: Network): string | undefined {
  const isNamed = conf.containers.interface_name === "device" && (driver === "macvlan" || driver === "ipvlan");
  return isNamed ? parent : undefined;
}

/** The networks of a container with an address in each; kept in the state until `disconnect`. */
export function join(host: Host, { id, spec }: ContainerRecord): Joined[] {
  const attachments = spec.network?.networks ?? [];
  return host.state.transaction(() => attachments.map((attachment, index) => {
    const network = getNetwork(host, attachment.network);
    return {
      network,
      interfaceName: attachment.interfaceName ?? deviceName(host, network) ?? `eth${index}`,
      ips: addressesFor(host, network, attachment, id),
      ...(attachment.mac ? { mac: attachment.mac } : {}),
      aliases: [...(attachment.aliases ?? []), id.slice(0, 12), ...(spec.hostname ? [spec.hostname] : [])],
      ...(attachment.options ? { options: attachment.options } : {}),
    };
  }));
}

/** As netavark will answer, as far as taking it down needs. */
export function plannedStatus(joined: readonly Joined[]): Record<string, NetworkStatus> {
  return Object.fromEntries(joined.map(({ network, interfaceName, ips, mac }) =>
    [network.name, { interfaces: { [interfaceName]: { mac_address: mac ?? "", subnets: ips.map(ip => ({ ipnet: `${ip}/${ip.includes(":") ? 128 : 32}` })) } } }]));
}

function job(host: Host, { id, name, spec }: ContainerRecord, joined: readonly Joined[]): NetavarkJob {
  const asked = spec.dnsServers?.length ? spec.dnsServers : host.conf.containers.dns_servers;
  const dnsServers = asked?.length || !host.rootless ? asked : [rootlessDns(host)];
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

/** netavark stops at what it does not find, after a death in the middle: then all is set up once more, so that all can go. */
async function tearDownWhole(host: Host, job: NetavarkJob): Promise<void> {
  try {
    await tearDown(host, job);
  } catch (thrown) {
    if (!statSync(job.namespace, { throwIfNoEntry: false })) throw thrown;
    log.debug(`taking a network down in a second way: ${(thrown as Error).message}`);
    await setUp(host, job);
    await tearDown(host, job);
  }
}

/** Takes all of it down; what fails is logged, as the container has ended anyway, and quietly where not all of it need ever have been there. */
export async function disconnect(host: Host, record: ContainerRecord, state: ContainerState, { isPartial = false } = {}): Promise<void> {
  if (!hasOwnNamespace(record)) return;
  if (state.networkStatus && Object.keys(state.networkStatus).length > 0) {
    try {
      await tearDownWhole(host, job(host, record, joinedBefore(host, record, state.networkStatus)));
    } catch (thrown) {
      log[isPartial ? "debug" : "error"](`Unable to clean up network for container ${record.id}: ${JSON.stringify((thrown as Error).message)}`);
    }
  }
  host.state.freeAddresses(record.id);
  stopByFile(slirpFile(host, record.id), slirpName);
  rmSync(slirpSocket(host, record.id), { force: true });
  removeNamedNetns(namespacePath(host, record.id));
  if (isBridged(record)) await forgetUser(host, record.id);
}
