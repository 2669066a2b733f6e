// A new network's definition: what was asked for, with free names, subnets and gateways where nothing was.
// Source: podman-network-create(1).

import { Fault } from "../../base/fault.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import type { Host } from "../host.ts";
import { contains, formatAddress, formatSubnet, parseAddress, parseSubnet, usableRange } from "./addresses.ts";
import { freeInterface, freeSubnet } from "./free.ts";
import { namePattern, networkId } from "./networks.ts";
import type { CreateNetwork, Network, NetworkSubnet } from "./networks.ts";

const reserved = ["none", "host", "bridge", "private", "slirp4netns", "pasta", "container", "ns", "default"];

function gatewayFor(subnet: string, wanted: string | undefined): string {
  const parsed = parseSubnet(subnet);
  if (wanted === undefined || wanted === "") return formatAddress({ version: parsed.version, value: parsed.base + 1n });
  const address = parseAddress(wanted);
  if (!address || !contains(parsed, address)) throw new Fault("usage.invalid", `gateway ${wanted} not in subnet ${subnet}`);
  return formatAddress(address);
}

function rangeFor(subnet: string, text: string): NetworkSubnet["lease_range"] {
  const inside = parseSubnet(subnet);
  const [from, to] = text.includes("-") ? text.split("-") : [undefined, undefined];
  if (from !== undefined) {
    const [start, end] = [parseAddress(from), parseAddress(to ?? "")];
    if (!start || !end || !contains(inside, start) || !contains(inside, end)) throw new Fault("usage.invalid", `ip range ${text} not in subnet ${subnet}`);
    return { start_ip: formatAddress(start), end_ip: formatAddress(end) };
  }
  const range = parseSubnet(text);
  if (!contains(inside, { version: range.version, value: range.base })) throw new Fault("usage.invalid", `ip range ${text} not in subnet ${subnet}`);
  const { first, last } = usableRange(range);
  return { start_ip: formatAddress({ version: range.version, value: first }), end_ip: formatAddress({ version: range.version, value: last }) };
}

function subnetsOf(host: Host, options: CreateNetwork, all: readonly Network[]): NetworkSubnet[] {
  const { subnets = [], gateways = [], ranges = [] } = options;
  if (gateways.length > 0 && subnets.length === 0) throw new Fault("usage.invalid", "cannot set gateway without subnet");
  if (ranges.length > 0 && subnets.length === 0) throw new Fault("usage.invalid", "cannot set range without subnet");
  const texts = subnets.length > 0 ? subnets : [freeSubnet(all, 4), ...(options.ipv6 ? [freeSubnet(all, 6)] : [])];
  return texts.map((text, index) => {
    const subnet = formatSubnet(parseSubnet(text));
    const range = ranges[index] ? rangeFor(subnet, ranges[index]) : undefined;
    return {
      subnet,
      ...(options.internal && gateways[index] === undefined ? {} : { gateway: gatewayFor(subnet, gateways[index]) }),
      ...(range ? { lease_range: range } : {}),
    };
  });
}

export function checkName(options: CreateNetwork): void {
  const { name } = options;
  if (name === undefined) return;
  if (reserved.includes(name)) throw new Fault("usage.invalid", `cannot create network with name "${name}" because it conflicts with a valid network mode: invalid argument`);
  if (!namePattern.test(name) || name.length > 255) {
    throw new Fault("usage.invalid", `network name ${name} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`);
  }
}

function freeName(all: readonly Network[]): string {
  for (let number = 1; number < 10_000; number++) {
    if (!all.some(({ name }) => name === `podman${number}`)) return `podman${number}`;
  }
  throw new Fault("network.failed", "cannot create a network: 10000 of them exist");
}

export function definition(host: Host, options: CreateNetwork, all: readonly Network[]): Network {
  const name = options.name ?? freeName(all);
  const driver = options.driver ?? "bridge";
  const hasSubnets = options.ipamDriver !== "none" && options.ipamDriver !== "dhcp" && (driver === "bridge" || (options.subnets?.length ?? 0) > 0);
  const subnets = hasSubnets ? subnetsOf(host, options, all) : [];
  const routes = (options.routes ?? []).map(text => {
    const [destination = "", gateway = "", metric] = text.split(",");
    if (!parseAddress(gateway)) throw new Fault("usage.invalid", `invalid route ${text}: gateway is no IP address`);
    return { destination: formatSubnet(parseSubnet(destination)), gateway, ...(metric ? { metric: Number(metric) } : {}) };
  });
  return {
    name,
    id: networkId(name),
    driver,
    ...(driver === "bridge" ? { network_interface: options.interfaceName ?? freeInterface(all) } : options.interfaceName ? { network_interface: options.interfaceName } : {}),
    created: nowRfc3339Nano(),
    ...(subnets.length > 0 ? { subnets } : {}),
    ...(routes.length > 0 ? { routes } : {}),
    ipv6_enabled: options.ipv6 ?? subnets.some(({ subnet }) => subnet.includes(":")),
    internal: options.internal ?? false,
    dns_enabled: driver === "bridge" && hasSubnets && !options.disableDns,
    ...(options.dns?.length ? { network_dns_servers: [...options.dns] } : {}),
    ...(Object.keys(options.labels ?? {}).length > 0 ? { labels: { ...options.labels } } : {}),
    ...(Object.keys(options.options ?? {}).length > 0 ? { options: { ...options.options } } : {}),
    ipam_options: { driver: options.ipamDriver ?? (hasSubnets ? "host-local" : driver === "bridge" ? "none" : "dhcp") },
  };
}
