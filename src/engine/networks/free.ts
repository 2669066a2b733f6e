// What a new network may take: a subnet and an interface name that nothing on the host has.

import { readFileSync, readdirSync } from "node:fs";
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

/** The host's own IPv4 routes; words of /proc/net/route are in host byte order. */
function hostRoutes(): Subnet[] {
  const swapped = (hex: string): bigint => BigInt(`0x${hex.match(/../g)?.reverse().join("") ?? "0"}`);
  return readLines("/proc/net/route").slice(1).flatMap(line => {
    const fields = line.split("\t");
    const mask = fields[7];
    if (fields.length < 8 || !mask || /^0+$/.test(mask)) return [];
    const prefix = swapped(mask).toString(2).replaceAll("0", "").length;
    return [{ version: 4 as const, base: swapped(fields[1]!), prefix }];
  });
}

function* candidates(version: 4 | 6): Generator<Subnet> {
  if (version === 6) {
    for (let tries = 0; tries < 100; tries++) {
      const random = crypto.getRandomValues(new Uint8Array(7)).reduce((value, byte) => value * 256n + BigInt(byte), 0n);
      yield { version, base: ((0xfdn << 56n) | random) << 64n, prefix: 64 };
    }
    return;
  }
  for (let third = 89; third < 256; third++) yield parseSubnet(`10.${third}.0.0/24`);
  for (let third = 0; third < 256; third++) yield parseSubnet(`192.168.${third}.0/24`);
}

export function freeSubnet(all: readonly Network[], version: 4 | 6): string {
  const used = [...all.flatMap(({ subnets = [] }) => subnets.map(({ subnet }) => parseSubnet(subnet))), ...(version === 4 ? hostRoutes() : [])];
  for (const candidate of candidates(version)) {
    if (!used.some(subnet => overlap(subnet, candidate))) return formatSubnet(candidate);
  }
  throw new Fault("network.failed", "cannot create a network: no free subnet is left", { hint: "name one with --subnet" });
}

export function freeInterface(all: readonly Network[]): string {
  const used = new Set(all.map(({ network_interface }) => network_interface));
  try {
    for (const name of readdirSync("/sys/class/net")) used.add(name);
  } catch {
    // Without /sys only our own networks are known.
  }
  for (let number = 1; number < 10_000; number++) {
    if (!used.has(`podman${number}`)) return `podman${number}`;
  }
  throw new Fault("network.failed", "cannot create a network: no free interface name is left");
}
