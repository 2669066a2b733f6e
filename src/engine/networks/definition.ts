// A new network's definition: what was asked for, with free names, subnets and gateways where nothing was.
// Source: podman-network-create(1).

import { Fault } from "../../base/fault.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import { randomId } from "../containers/names.ts";
import type { Host } from "../host.ts";
import { contains, formatAddress, formatSubnet, overlap, parseAddress, parseSubnet, usableRange } from "./addresses.ts";
import type { Subnet } from "./addresses.ts";
import { driverOptions } from "./driver-options.ts";
import type { DriverOptions } from "./driver-options.ts";
import { freeInterface, freeSubnet, interfaceNames, usedSubnets } from "./free.ts";
import { namePattern } from "./networks.ts";
import type { CreateNetwork, Network, NetworkSubnet } from "./networks.ts";
import { createByPlugin } from "./plugins.ts";

const reserved = ["none", "host", "bridge", "private", "slirp4netns", "pasta", "container", "ns", "default"];
const interfaceCharactersMax = 15;
const refuse = (message: string): Fault => new Fault("usage.invalid", message);

/** START-END or a subnet within. */
function readRange(text: string): NonNullable<NetworkSubnet["lease_range"]> {
  const dash = text.indexOf("-");
  if (dash < 0) {
    const range = parseSubnet(text);
    const { first, last } = usableRange(range);
    return { start_ip: formatAddress({ version: range.version, value: first }), end_ip: formatAddress({ version: range.version, value: last }) };
  }
  const [start, end] = [text.slice(0, dash), text.slice(dash + 1)];
  const read = (part: string, which: string): string => {
    const address = parseAddress(part);
    if (!address) throw refuse(`range ${which} ip ${JSON.stringify(part)} is not a ip address`);
    return formatAddress(address);
  };
  return { start_ip: read(start, "start"), end_ip: read(end, "end") };
}

function checkRange(subnet: Subnet, range: NonNullable<NetworkSubnet["lease_range"]>): void {
  for (const [which, ip] of [["start", range.start_ip], ["end", range.end_ip]] as const) {
    if (!contains(subnet, parseAddress(ip ?? "")!)) throw refuse(`lease range ${which} ip ${ip} not in subnet ${formatSubnet(subnet)}`);
  }
}

function gatewayFor(subnet: Subnet, wanted: string | undefined): string {
  if (wanted === undefined || wanted === "") return formatAddress({ version: subnet.version, value: subnet.base + 1n });
  const address = parseAddress(wanted);
  if (!address) throw refuse(`failed to parse IP: ${JSON.stringify(wanted)}`);
  if (!contains(subnet, address)) throw refuse(`gateway ${wanted} not in subnet ${formatSubnet(subnet)}`);
  return formatAddress(address);
}

interface Planned {
  readonly used: readonly Subnet[];
  readonly addGateway: boolean;
}

function askedSubnets({ subnets = [], gateways = [], ranges = [] }: CreateNetwork, { used, addGateway }: Planned): NetworkSubnet[] {
  if (subnets.length === 0 && (gateways.length > 0 || ranges.length > 0)) throw refuse("cannot set gateway or range without subnet");
  if (gateways.length > subnets.length) throw refuse("cannot set more gateways than subnets");
  if (ranges.length > subnets.length) throw refuse("cannot set more ranges than subnets");
  return subnets.map((text, index) => {
    const subnet = parseSubnet(text);
    const range = ranges[index] === undefined ? undefined : readRange(ranges[index]);
    if (used.some(other => overlap(other, subnet))) throw refuse(`subnet ${formatSubnet(subnet)} is already used on the host or by another config`);
    const hasGateway = addGateway || gateways[index] !== undefined;
    if (range) checkRange(subnet, range);
    return {
      subnet: formatSubnet(subnet),
      ...(hasGateway ? { gateway: gatewayFor(subnet, gateways[index]) } : {}),
      ...(range ? { lease_range: range } : {}),
    };
  });
}

/** One free subnet of each family that is wanted and not there. */
function withFreeSubnets(host: Host, given: NetworkSubnet[], { ipv6, planned }: { ipv6: boolean; planned: Planned }): NetworkSubnet[] {
  const has = (version: 4 | 6): boolean => given.some(({ subnet }) => parseSubnet(subnet).version === version);
  const families = [...(given.length === 0 || (ipv6 && !has(4)) ? [4 as const] : []), ...(ipv6 && !has(6) ? [6 as const] : [])];
  return [...given, ...families.map(version => {
    const subnet = freeSubnet(planned.used, version, host.conf.network.default_subnet_pools);
    return { subnet, ...(planned.addGateway ? { gateway: gatewayFor(parseSubnet(subnet), undefined) } : {}) };
  })];
}

export function checkName(options: CreateNetwork): void {
  const { name } = options;
  if (name === undefined) return;
  if (reserved.includes(name)) throw refuse(`cannot create network with name "${name}" because it conflicts with a valid network mode: invalid argument`);
  if (!namePattern.test(name) || name.length > 255) throw refuse(`network name ${name} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`);
}

function checkInterfaceName(name: string): void {
  const bad = name.length > interfaceCharactersMax ? `interface name is too long: interface names must be ${interfaceCharactersMax} characters or less`
    : name === "." || name === ".." ? "interface name is . or .."
    : /[/:\s]/.test(name) ? "interface name contains / or : or whitespace characters" : undefined;
  if (bad !== undefined) throw refuse(`network interface name ${name} invalid: ${bad}: invalid argument`);
}

function bridgeInterface(name: string | undefined, all: readonly Network[], sharesBridge: boolean): string {
  if (name === undefined) return freeInterface(all);
  if (!sharesBridge && all.some(other => other.driver === "bridge" && other.network_interface === name)) throw refuse(`bridge name ${name} already in use`);
  if (!namePattern.test(name)) throw refuse(`bridge name ${name} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`);
  return name;
}

function parentInterface(name: string | undefined): string | undefined {
  if (name === undefined || name === "") return undefined;
  if (!interfaceNames().includes(name)) throw refuse(`parent interface ${name} does not exist`);
  return name;
}

function routesOf(texts: readonly string[]): NonNullable<Network["routes"]> {
  return texts.map(text => {
    const [to = "", via = "", metric, ...more] = text.split(",");
    if (more.length > 0 || !text.includes(",")) throw refuse(`invalid route: ${text}\nFormat: --route <destination in CIDR>,<gateway>,<metric (optional)>`);
    const gateway = parseAddress(via);
    let destination: Subnet;
    try {
      destination = parseSubnet(to);
    } catch {
      throw refuse(`invalid route destination ${to}`);
    }
    if (!gateway) throw refuse(`invalid route gateway ${via}`);
    if (metric !== undefined && (!/^\d{1,10}$/.test(metric) || Number(metric) > 2 ** 32 - 1)) throw refuse(`invalid route metric ${metric}`);
    if (parseAddress(to.split("/")[0]!)!.value !== destination.base) throw refuse("route destination invalid");
    return { destination: formatSubnet(destination), gateway: formatAddress(gateway), ...(metric === undefined ? {} : { metric: Number(metric) }) };
  });
}

/** Who gives addresses: the network's own list, the network's DHCP server, or nobody. */
function ipamDriver(driver: string, { ipamDriver: asked, subnets = [] }: CreateNetwork): string {
  if (asked !== undefined && !["", "host-local", "dhcp", "none"].includes(asked)) throw refuse(`unsupported ipam driver ${JSON.stringify(asked)}`);
  if (asked === "none" && subnets.length > 0) throw refuse("none ipam driver is set but subnets are given");
  if (driver === "bridge") {
    if (asked === "dhcp" && subnets.length > 0) throw refuse("ipam driver dhcp set but subnets are set");
    return asked || "host-local";
  }
  const chosen = asked || (subnets.length > 0 ? "host-local" : "dhcp");
  if (chosen === "dhcp" && driver === "ipvlan") throw refuse("ipam driver dhcp is not supported with ipvlan");
  if (chosen === "dhcp" && subnets.length > 0) throw refuse("ipam driver dhcp set but subnets are set");
  if (chosen === "host-local" && subnets.length === 0) throw refuse(`${driver} driver needs at least one subnet specified when the host-local ipam driver is set`);
  return chosen;
}

function dnsServersOf(servers: readonly string[], isEnabled: boolean): string[] {
  if (servers.length > 0 && !isEnabled) throw refuse("cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument");
  for (const server of servers) {
    if (!parseAddress(server)) throw refuse(`unable to parse ip ${server} specified in NetworkDNSServers: invalid argument`);
  }
  return [...servers];
}

function subnetsOf(host: Host, asked: CreateNetwork, { driver, planned, hasOwn }: { driver: string; planned: Planned; hasOwn: boolean }): NetworkSubnet[] {
  const given = askedSubnets(asked, planned);
  return driver === "bridge" && hasOwn ? withFreeSubnets(host, given, { ipv6: asked.ipv6 ?? false, planned }) : given;
}

function interfaceOf(driver: string, name: string | undefined, { all, sharesBridge }: { all: readonly Network[] } & Pick<DriverOptions, "sharesBridge">): string | undefined {
  if (name !== undefined) checkInterfaceName(name);
  if (driver === "bridge") return bridgeInterface(name, all, sharesBridge);
  return driver === "macvlan" || driver === "ipvlan" ? parentInterface(name) : name;
}

/** @throws Fault "usage.invalid", "network.failed" */
export function definition(host: Host, asked: CreateNetwork, all: readonly Network[]): Network {
  const driver = asked.driver || "bridge";
  const { options, interfaceName, sharesBridge } = driverOptions(driver, asked.options ?? {});
  const isBuiltIn = driver === "bridge" || driver === "macvlan" || driver === "ipvlan";
  const ipam = isBuiltIn ? ipamDriver(driver, asked) : asked.ipamDriver ?? "";
  const name = asked.name ?? freeInterface(all, "name");
  const own = interfaceOf(driver, asked.interfaceName ?? interfaceName ?? (asked.name === undefined && driver === "bridge" ? name : undefined), { all, sharesBridge });
  const dnsEnabled = driver === "bridge" && ipam !== "none" && !asked.disableDns;
  const planned = { used: driver === "bridge" && !sharesBridge ? usedSubnets(all) : [], addGateway: !asked.internal || dnsEnabled };
  const subnets = subnetsOf(host, asked, { driver, planned, hasOwn: ipam === "host-local" });
  const dns = dnsServersOf(asked.dns ?? [], isBuiltIn ? dnsEnabled : !asked.disableDns);
  const network: Network = {
    name,
    id: randomId(),
    driver,
    ...(own === undefined ? {} : { network_interface: own }),
    created: nowRfc3339Nano(),
    ...(subnets.length > 0 ? { subnets } : {}),
    ...(asked.routes?.length ? { routes: routesOf(asked.routes) } : {}),
    ipv6_enabled: asked.ipv6 || subnets.some(({ subnet }) => subnet.includes(":")),
    internal: asked.internal ?? false,
    dns_enabled: isBuiltIn ? dnsEnabled : !asked.disableDns,
    ...(dns.length > 0 ? { network_dns_servers: dns } : {}),
    ...(Object.keys(asked.labels ?? {}).length > 0 ? { labels: { ...asked.labels } } : {}),
    ...(Object.keys(options).length > 0 ? { options } : {}),
    ...(ipam === "" ? {} : { ipam_options: { driver: ipam } }),
  };
  return isBuiltIn ? network : createByPlugin(host, network);
}
