// What a new network may take: a subnet and an interface name that nothing on the host has.

import { readFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { formatSubnet, overlap, parseSubnet } from "./addresses.ts";
import type { Subnet } from "./addresses.ts";
import type { Network } from "./networks.ts";

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}

/** Of the network namespace we are in, which a /sys mounted elsewhere need not show. */
export function interfaceNames(): string[] {
  return readLines("/proc/net/dev").slice(2).flatMap(line => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []);
}

/** The host's own IPv4 routes, but those of one interface; words of /proc/net/route are in host byte order. */
export function hostRoutes(without?: string): Subnet[] {
  const swapped = (hex: string): bigint => BigInt(`0x${hex.match(/../g)?.reverse().join("") ?? "0"}`);
  return readLines("/proc/net/route").slice(1).flatMap(line => {
    const fields = line.split("\t");
    const mask = fields[7];
    if (fields.length < 8 || fields[0] === without || !mask || /^0+$/.test(mask)) return [];
    const prefix = swapped(mask).toString(2).replaceAll("0", "").length;
    return [{ version: 4 as const, base: swapped(fields[1]!), prefix }];
  });
}

/** The host's own IPv6 addresses, each with its prefix. */
function hostAddresses6(): Subnet[] {
  return readLines("/proc/net/if_inet6").flatMap(line => {
    const [hex = "", , prefix = ""] = line.split(/\s+/);
    if (!/^[0-9a-f]{32}$/.test(hex)) return [];
    const address = hex.match(/.{4}/g)!.join(":");
    return address.startsWith("fe80") || /^[0:]+1$/.test(address) ? [] : [parseSubnet(`${address}/${parseInt(prefix, 16)}`)];
  });
}

/** What other bridges and the host's own interfaces have. */
export function usedSubnets(all: readonly Network[]): Subnet[] {
  const bridges = all.filter(({ driver, options }) => driver === "bridge" && options?.["vlan"] === undefined && options?.["mode"] !== "unmanaged");
  return [...bridges.flatMap(({ subnets = [] }) => subnets.map(({ subnet }) => parseSubnet(subnet))), ...hostRoutes(), ...hostAddresses6()];
}

interface Pool {
  readonly base: Subnet;
  readonly size: number;
}

/** What podman takes subnets from where containers.conf says nothing. */
const usualPools: readonly (readonly [string, number])[] = [
  ["10.89.0.0/16", 24], ["10.90.0.0/15", 24], ["10.92.0.0/14", 24], ["10.96.0.0/11", 24], ["10.128.0.0/9", 24], ["192.168.0.0/16", 24],
];
const triedMax = 40_000;

/** @throws Fault "config.invalid" for a pool that is none */
function poolsOf(configured: unknown): Pool[] {
  if (configured === undefined) return usualPools.map(([base, size]) => ({ base: parseSubnet(base), size }));
  if (!Array.isArray(configured)) throw new Fault("config.invalid", "cannot read default_subnet_pools of containers.conf: not a list");
  return configured.map((entry: { base?: unknown; size?: unknown }) => {
    const { base, size } = entry ?? {};
    const subnet = typeof base === "string" ? parseSubnet(base) : undefined;
    if (!subnet || subnet.version !== 4 || typeof size !== "number" || size < subnet.prefix || size > 32) {
      throw new Fault("config.invalid", "cannot read default_subnet_pools of containers.conf: each needs an IPv4 base and a size that fits in it");
    }
    return { base: subnet, size };
  });
}

function* candidates4(pools: readonly Pool[]): Generator<Subnet> {
  for (const { base: { base, prefix }, size } of pools) {
    const step = 1n << BigInt(32 - size);
    const end = base + (1n << BigInt(32 - prefix));
    for (let next = base; next < end; next += step) yield { version: 4, base: next, prefix: size };
  }
}

function* candidates6(): Generator<Subnet> {
  for (let tries = 0; tries < 100; tries++) {
    const random = crypto.getRandomValues(new Uint8Array(7)).reduce((value, byte) => value * 256n + BigInt(byte), 0n);
    yield { version: 6, base: ((0xfdn << 56n) | random) << 64n, prefix: 64 };
  }
}

/** @param pools containers.conf's default_subnet_pools */
export function freeSubnet(used: readonly Subnet[], version: 4 | 6, pools?: unknown): string {
  let tried = 0;
  for (const candidate of version === 4 ? candidates4(poolsOf(pools)) : candidates6()) {
    if (!used.some(subnet => overlap(subnet, candidate))) return formatSubnet(candidate);
    if (++tried > triedMax) break;
  }
  throw new Fault("network.failed", "could not find free subnet from subnet pools", { hint: "name one with --subnet" });
}

/** podmanN that no network and no interface has; with "name", that no network is called either. */
export function freeInterface(all: readonly Network[], also?: "name"): string {
  const used = new Set(all.flatMap(({ name, network_interface }) => also === "name" ? [name, network_interface] : [network_interface]));
  for (const name of interfaceNames()) used.add(name);
  for (let number = 1; number < 10_000; number++) {
    if (!used.has(`podman${number}`)) return `podman${number}`;
  }
  throw new Fault("network.failed", "could not find free device name");
}
