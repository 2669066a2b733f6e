// Host ports for those that were published without one.

import type { PortMapping } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";

const triesMax = 20;

function freePort(hostIp: string): number {
  const listener = Bun.listen({ hostname: hostIp === "" ? "0.0.0.0" : hostIp, port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function isFree(hostIp: string, port: number): boolean {
  try {
    Bun.listen({ hostname: hostIp === "" ? "0.0.0.0" : hostIp, port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

function freeRange(hostIp: string, range: number): number {
  for (let tries = 0; tries < triesMax; tries++) {
    const first = freePort(hostIp);
    const others = Array.from({ length: range - 1 }, (_, index) => first + index + 1);
    if (first + range <= 65536 && others.every(port => isFree(hostIp, port))) return first;
  }
  throw new Fault("network.failed", `failed to find ${range} free ports in a row`, { hint: "name the host ports" });
}

/** The same mappings, each with a host port. @throws Fault "usage.invalid" when two claim one port */
export function assignPorts(ports: readonly PortMapping[]): PortMapping[] {
  const assigned = ports.map(port => port.hostPort > 0 ? port : { ...port, hostPort: freeRange(port.hostIp, port.range) });
  for (const [index, one] of assigned.entries()) {
    for (const other of assigned.slice(0, index)) if (clash(one, other)) {
      throw new Fault("usage.invalid", `conflicting port mappings for host port ${one.hostPort} (protocol ${one.protocol})`);
    }
  }
  return assigned;
}

function clash(one: PortMapping, other: PortMapping): boolean {
  if (one.protocol !== other.protocol || one.hostIp !== other.hostIp) return false;
  if (one.hostPort === other.hostPort && one.containerPort === other.containerPort && one.range === other.range) return false;
  return one.hostPort < other.hostPort + other.range && other.hostPort < one.hostPort + one.range;
}
