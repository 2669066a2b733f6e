// Published ports: no two containers have the same one, and a socket keeps each from the host's other programs.
// Source: podman-run(1), "--publish"; containers.conf(5), "enable_port_reservation".

import { Fault, errnoOf } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { closeQuietly, dup } from "../../kernel/files.ts";
import { bindPort, stopListening } from "../../kernel/inet-sockets.ts";
import { findMonitor } from "../containers/half-start.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { addressBytes, parseAddress } from "./addresses.ts";

interface SinglePort {
  readonly protocol: string;
  readonly hostIp: string;
  readonly port: number;
}

/** Which of our own containers has a port, or which other program of the host. */
function refusePort({ protocol, hostIp, port }: SinglePort, reason: string): Fault {
  const family = hostIp.includes(":") ? "6" : "4";
  return new Fault("network.failed", `cannot listen on the ${protocol.toUpperCase()} port: listen ${protocol}${family} ${hostIp}:${port}: bind: ${reason}`, {
    hint: "publish another host port, or find out who has it with: ss -lntup",
  });
}

const bindsAnywhere = (ip: string): boolean => ip === "" || ip === "0.0.0.0" || ip === "::";

function takeRows(host: Host, id: string, ports: readonly SinglePort[]): void {
  for (const wanted of ports) {
    const { protocol, hostIp, port } = wanted;
    const taken = host.state.addressesOf(`port/${protocol}`).some(({ ip, containerId }) => {
      const at = ip.lastIndexOf(" ");
      const other = ip.slice(0, at);
      return containerId !== id && Number(ip.slice(at + 1)) === port && (other === hostIp || bindsAnywhere(other) || bindsAnywhere(hostIp));
    });
    if (taken) throw refusePort(wanted, "address already in use");
    host.state.takeAddress(`port/${protocol}`, `${hostIp} ${port}`, id);
  }
}

function hold(wanted: SinglePort, id: string): number | undefined {
  const { protocol, hostIp, port } = wanted;
  const address = parseAddress(hostIp === "" ? "0.0.0.0" : hostIp);
  if (!address || (protocol !== "tcp" && protocol !== "udp")) return undefined;
  try {
    return bindPort({ protocol, version: address.version, address: addressBytes(address), port });
  } catch (thrown) {
    const errno = errnoOf(thrown);
    // The monitor of the last run may still be at its end, where it waits for the clean-up that starts this one.
    if (errno === "EADDRINUSE" && findMonitor(id) !== undefined) return undefined;
    if (errno === "EADDRINUSE") throw refusePort(wanted, "address already in use");
    if (errno === "EADDRNOTAVAIL") throw refusePort(wanted, "cannot assign requested address");
    log.debug(`holding port ${port}/${protocol}: ${String(thrown)}`);
    return undefined;
  }
}

/** Of containers that go with their end, which may be seen by this process: it can let their ports go while their monitor lives. */
const ownHolds = new Map<string, number[]>();

/** From here on others may listen on the ports, and rows of ours have them. */
export function letPortsGo(host: Host, { id, spec }: ContainerRecord): void {
  for (const socket of ownHolds.get(id) ?? []) {
    // The monitor has the same socket: one that listens no more stands in nobody's way who reuses addresses, as servers do.
    stopListening(socket);
    closeQuietly(socket);
  }
  ownHolds.delete(id);
  for (const protocol of new Set((spec.ports ?? []).map(port => port.protocol))) host.state.freeAddressesOn(`port/${protocol}`, id);
}

/**
 * Takes the published ports for this container until `disconnect`, and answers sockets that hold them: to be passed to
 * its monitor, which lives as long as it, and closed here.
 *
 * @throws Fault "network.failed"
 */
export function reservePorts(host: Host, { id, spec }: ContainerRecord): number[] {
  const single = (spec.ports ?? []).flatMap(({ protocol, hostIp, hostPort, range }) =>
    Array.from({ length: range }, (_, index) => ({ protocol, hostIp, port: hostPort + index })));
  if (single.length === 0) return [];
  host.state.transaction(() => takeRows(host, id, single));
  const held: number[] = [];
  try {
    for (const port of single) {
      const socket = hold(port, id);
      if (socket !== undefined) held.push(socket);
    }
  } catch (thrown) {
    for (const socket of held) closeQuietly(socket);
    throw thrown;
  }
  if (host.conf.engine.enable_port_reservation !== false && !host.rootless) {
    if (spec.remove) ownHolds.set(id, held.map(fd => dup(fd)));
    return held;
  }
  for (const socket of held) closeQuietly(socket);
  return [];
}
