// Published and exposed ports as written: -p [[IP:]HOST:]CONTAINER[/PROTOCOL], with ranges.
// Source: podman-run(1), --publish and --expose.

import type { PortMapping } from "../../../base/container-spec.ts";
import { cut, refuse } from "./refuse.ts";

interface Range {
  readonly start: number;
  readonly length: number;
}

/** @throws Fault "usage.invalid" */
export function readPort(written: string): PortMapping {
  const parts = written.split("/");
  if (parts.length > 2) throw refuse("invalid port format - protocol can only be specified once");
  const { hostIp, rest } = splitAddress(parts[0]!);
  const pieces = rest.split(":");
  if (hostIp !== undefined) return mapping(hostIp, pieces, parts[1], written);
  if (pieces.length === 3) return mapping(pieces[0]!, pieces.slice(1), parts[1], written);
  if (pieces.length > 3) throw refuse("invalid port format - format is [[hostIP:]hostPort:]containerPort");
  return mapping("", pieces, parts[1], written);
}

export const readPorts = (written: readonly string[]): PortMapping[] => written.map(readPort);

/** --expose: "80", "80/udp", "7000-7010/tcp" → "80/tcp" one by one. */
export function readExpose(written: readonly string[]): string[] {
  const exposed: string[] = [];
  for (const one of written) {
    const parts = one.split("/");
    if (parts.length > 2) throw refuse("invalid expose format - protocol can only be specified once");
    const range = readRange(parts[0]!);
    for (let i = 0; i < range.length; i++) {
      for (const protocol of readProtocols(parts[1])) exposed.push(`${range.start + i}/${protocol}`);
    }
  }
  return exposed;
}

function splitAddress(text: string): { hostIp?: string; rest: string } {
  if (!text.startsWith("[")) return { rest: text };
  const end = text.indexOf("]");
  if (end < 0) throw refuse("invalid port format - IPv6 addresses must be enclosed by []");
  if (text[end + 1] !== ":") throw refuse("invalid port format - IPv6 address must be followed by a colon (':')");
  return { hostIp: text.slice(1, end), rest: text.slice(end + 2) };
}

function mapping(hostIp: string, pieces: readonly string[], protocol: string | undefined, written: string): PortMapping {
  const last = pieces.at(-1)!;
  if (last === "") throw refuse("must provide a non-empty container port to publish");
  const container = labelled("parsing container port", () => readRange(last));
  const ip = hostIp === "" || hostIp === "0.0.0.0" ? hostIp : checkAddress(hostIp);
  const host = pieces.length > 1 && pieces[0] !== "" ? labelled("parsing host port", () => readRange(pieces[0]!)) : undefined;
  if (host && host.length !== container.length) {
    throw refuse(`host and container port ranges have different lengths: ${host.length} vs ${container.length}`);
  }
  const [only, ...more] = readProtocols(protocol);
  if (more.length > 0) throw refuse(`cannot publish "${written}": give one protocol at a time`);
  return { hostIp: ip, hostPort: host?.start ?? 0, containerPort: container.start, range: container.length, protocol: only! };
}

function checkAddress(ip: string): string {
  const isV4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(ip) && ip.split(".").every((part) => Number(part) < 256);
  const isV6 = /^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(ip) && URL.canParse(`http://[${ip}]/`);
  if (!isV4 && !isV6) throw refuse(`cannot parse ${JSON.stringify(ip)} as an IP address`);
  return ip;
}

function readProtocols(text: string | undefined): PortMapping["protocol"][] {
  if (text === undefined) return ["tcp"];
  if (text === "") throw refuse("must provide a non-empty protocol to publish");
  return text.split(",").map((word) => {
    const protocol = word.toLowerCase();
    if (protocol === "tcp" || protocol === "udp" || protocol === "sctp") return protocol;
    throw refuse(`invalid port protocol "${word}"`, "use tcp, udp or sctp");
  });
}

function readRange(text: string): Range {
  if (text.split("-").length > 2) throw refuse("invalid port format - port ranges are formatted as startPort-stopPort");
  if (text.startsWith("-")) throw refuse("port numbers cannot be negative");
  const [from, to] = cut(text, "-");
  const start = readNumber(from);
  if (to === undefined) return { start, length: 1 };
  if (to === "") throw refuse("must provide ending number for port range");
  const end = readNumber(to);
  if (end <= start) {
    throw refuse(`the end port of a range must be higher than the start port - ${end} is not higher than ${start}`);
  }
  return { start, length: end - start + 1 };
}

function readNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw refuse(`invalid port number: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const port = Number(text);
  if (port < 1 || port > 65535) throw refuse(`port numbers must be between 1 and 65535 (inclusive), got ${port}`);
  return port;
}

function labelled<T>(label: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw refuse(`${label}: ${(cause as Error).message}`);
  }
}
