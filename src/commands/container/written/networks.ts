// --network, --ip, --mac-address, --network-alias, --dns*, --add-host as written.
// Source: podman-run(1), --network and its neighbours.

import type { NetworkAttachment, NetworkSpec } from "../../../base/container-spec.ts";
import { cut, refuse } from "./refuse.ts";

const reserved = ["bridge", "slirp4netns", "pasta", "pod", "none", "default", "private", "ns", "container", "host"];
export const isAddress = (text: string): boolean =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text) || (/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text) && URL.canParse(`http://[${text}]/`));

/** All --network of one line, the first of which tells the mode. */
export function readNetworks(written: readonly string[]): NetworkSpec {
  const [first = "", ...others] = written;
  const spec = readMode(first);
  if (others.length === 0) return spec;
  if (spec.mode !== "bridge") {
    throw refuse(`cannot set multiple networks without bridge network mode, selected mode ${spec.mode}: invalid argument`);
  }
  const networks = [...(spec.networks ?? [])];
  for (const other of others) {
    const [name, options] = cut(other, ":");
    if (name === "") throw refuse("network name cannot be empty: invalid argument");
    if (reserved.includes(name)) {
      throw refuse(`can only set extra network names, selected mode ${name} conflicts with bridge: invalid argument`);
    }
    networks.push(readAttachment(name, options));
  }
  return { ...spec, networks };
}

function readMode(first: string): NetworkSpec {
  const [name, rest] = cut(first, ":");
  switch (name) {
    case "": case "default": case "private": return { mode: "private" };
    case "none": case "host": case "pod": return { mode: name };
    case "ns": return { mode: "path", target: rest ?? "" };
    case "container":
      if (!rest) throw refuse("must provide the ID or name of a container: container:ID");
      return { mode: "container", target: rest };
    case "pasta": case "slirp4netns": return { mode: name, options: rest?.split(",") ?? [] };
    case "bridge": return { mode: "bridge", networks: [readAttachment("default", rest)] };
    default:
      if (rest !== undefined) return { mode: "bridge", networks: [readAttachment(name, rest)] };
      return { mode: "bridge", networks: first.split(",").map((network) => ({ network })) };
  }
}

function readAttachment(network: string, options: string | undefined): NetworkAttachment {
  const found: { -readonly [K in keyof NetworkAttachment]: NetworkAttachment[K] } = { network };
  for (const option of options ? options.split(",") : []) {
    const [name, value = ""] = cut(option);
    try {
      readAttachmentOption(found, name, value);
    } catch (cause) {
      throw network === "default" ? cause : refuse(`invalid option for network ${network}: ${(cause as Error).message}`);
    }
  }
  return found;
}

function readAttachmentOption(found: { -readonly [K in keyof NetworkAttachment]: NetworkAttachment[K] }, name: string, value: string): void {
  if (name === "ip" || name === "ip6") {
    if (!isAddress(value)) throw refuse(`invalid ip address ${JSON.stringify(value)}`);
    (found.ips ??= []).push(value);
  } else if (name === "mac") found.mac = checkMac(value);
  else if (name === "alias") {
    if (value === "") throw refuse("alias cannot be empty");
    (found.aliases ??= []).push(value);
  } else if (name === "interface_name") {
    if (value === "") throw refuse("interface_name cannot be empty");
    found.interfaceName = value;
  } else (found.options ??= {})[name] = value;
}

export function checkMac(text: string): string {
  if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text)) throw refuse(`address ${text}: invalid MAC address`);
  return text.toLowerCase().replaceAll("-", ":");
}

/** The flags that speak of the only network: --ip, --ip6, --mac-address, --network-alias. */
export function withStatic(spec: NetworkSpec | undefined, given: { ips: readonly string[]; mac?: string; aliases: readonly string[] }): NetworkSpec | undefined {
  if (given.ips.length === 0 && !given.mac && given.aliases.length === 0) return spec;
  const flag = given.ips.length > 0 ? "--ip" : given.mac ? "--mac-address" : "--network-alias";
  const base = spec ?? { mode: "private" as const };
  if (base.mode !== "bridge" && base.mode !== "private") {
    throw refuse(`${flag} can only be set when the network mode is bridge: invalid argument`);
  }
  const networks = base.networks ?? [{ network: "default" }];
  if (networks.length !== 1 && flag !== "--network-alias") {
    throw refuse(`${flag} can only be set for a single network: invalid argument`);
  }
  for (const ip of given.ips) if (!isAddress(ip)) throw refuse(`${JSON.stringify(ip)} is not an ip address`);
  return {
    ...base,
    mode: "bridge",
    networks: networks.map((network) => ({
      ...network,
      ...(given.ips.length > 0 ? { ips: [...(network.ips ?? []), ...given.ips] } : {}),
      ...(given.mac ? { mac: checkMac(given.mac) } : {}),
      ...(given.aliases.length > 0 ? { aliases: [...(network.aliases ?? []), ...given.aliases] } : {}),
    })),
  };
}

/** --add-host HOST[;HOST…]:IP, IP may be host-gateway. */
export function checkHost(written: string): string {
  const [names, ip] = cut(written, ":");
  if (!ip || names === "") throw refuse(`invalid host format ${JSON.stringify(written)}`, "write it as NAME:ADDRESS");
  if (ip !== "host-gateway" && !isAddress(ip)) throw refuse(`invalid IP address in add-host: ${JSON.stringify(ip)}`);
  return written;
}

export function checkDns(servers: readonly string[]): string[] {
  for (const server of servers) {
    if (server === "none" && servers.length > 1) throw refuse(`${server} is not allowed to be specified with other DNS ip addresses`);
    if (server !== "none" && !isAddress(server)) throw refuse(`${server} is not an ip address`);
  }
  return [...servers];
}
