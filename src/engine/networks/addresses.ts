// IP addresses as numbers: parsing, subnets, and which address a container gets.
// Source: RFC 4632, RFC 4291 section 2.2.

import { Fault } from "../../base/fault.ts";

export interface Address {
  readonly version: 4 | 6;
  readonly value: bigint;
}

export interface Subnet {
  readonly version: 4 | 6;
  /** The network's own address. */
  readonly base: bigint;
  readonly prefix: number;
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return undefined;
    value = value * 256n + BigInt(part);
  }
  return value;
}

function groups(text: string): bigint[] | undefined {
  if (text === "") return [];
  const found: bigint[] = [];
  for (const [index, part] of text.split(":").entries()) {
    if (part.includes(".")) {
      const v4 = index === text.split(":").length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      found.push(v4 >> 16n, v4 & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) found.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return found;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const before = groups(halves[0]!);
  const after = halves.length === 2 ? groups(halves[1]!) : [];
  if (!before || !after) return undefined;
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...before, ...Array<bigint>(missing).fill(0n), ...after].reduce((value, group) => value * 65536n + group, 0n);
}

export function parseAddress(text: string): Address | undefined {
  if (text.length > 64) return undefined;
  const v4 = parseV4(text);
  if (v4 !== undefined) return { version: 4, value: v4 };
  const v6 = text.includes(":") ? parseV6(text) : undefined;
  return v6 === undefined ? undefined : { version: 6, value: v6 };
}

/** The shortest form; the longest run of zero groups in IPv6 is "::". */
export function formatAddress({ version, value }: Address): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map(shift => (value >> shift) & 255n).join(".");
  const parts = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(16 * (7 - index))) & 0xffffn).toString(16));
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (parts[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length < 2) return parts.join(":");
  return `${parts.slice(0, best.start).join(":")}::${parts.slice(best.start + best.length).join(":")}`;
}

/** 4 or 16 bytes, in network order. */
export function addressBytes({ version, value }: Address): Uint8Array {
  const length = version === 4 ? 4 : 16;
  return Uint8Array.from({ length }, (_, index) => Number((value >> BigInt(8 * (length - 1 - index))) & 255n));
}

const bitsOf = (version: 4 | 6): number => version === 4 ? 32 : 128;
const hostMask = ({ version, prefix }: Subnet): bigint => (1n << BigInt(bitsOf(version) - prefix)) - 1n;

/** @throws Fault "usage.invalid", worded as Go's net.ParseCIDR */
export function parseSubnet(text: string): Subnet {
  const slash = text.lastIndexOf("/");
  const address = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  const prefix = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : Number.NaN;
  if (!address || !(prefix <= bitsOf(address.version))) throw new Fault("usage.invalid", `invalid CIDR address: ${text}`);
  const { version } = address;
  const mask = hostMask({ version, base: 0n, prefix });
  return { version, base: address.value & ~mask, prefix };
}

export const formatSubnet = (subnet: Subnet): string =>
  `${formatAddress({ version: subnet.version, value: subnet.base })}/${subnet.prefix}`;

export const contains = (subnet: Subnet, address: Address): boolean =>
  address.version === subnet.version && (address.value & ~hostMask(subnet)) === subnet.base;

export function overlap(one: Subnet, other: Subnet): boolean {
  if (one.version !== other.version) return false;
  const [wide, narrow] = one.prefix <= other.prefix ? [one, other] : [other, one];
  return contains(wide, { version: narrow.version, value: narrow.base });
}

/** First and last address a machine may have. */
export function usableRange(subnet: Subnet): { first: bigint; last: bigint } {
  const top = subnet.base | hostMask(subnet);
  return { first: subnet.base + 1n, last: subnet.version === 4 ? top - 1n : top };
}
