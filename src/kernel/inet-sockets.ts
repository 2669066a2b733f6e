// Sockets bound to a port of the host, to keep it from others.
// Source: ip(7), ipv6(7), socket(7).

import { scoped, take } from "./arena.ts";
import { closeQuietly } from "./files.ts";
import { call, check } from "./syscall.ts";

export interface PortAddress {
  readonly protocol: "tcp" | "udp";
  readonly version: 4 | 6;
  /** 4 or 16 bytes, in network order. */
  readonly address: Uint8Array;
  readonly port: number;
}

const cloexec = 0o2000000;
const backlog = 128;

/** Binds, and for TCP listens; the caller closes. @throws Fault with errno "EADDRINUSE" and the like */
export function bindPort({ protocol, version, address, port }: PortAddress): number {
  const type = (protocol === "tcp" ? 1 : 2) | cloexec;
  const socket = check(call("socket", version === 4 ? 2 : 10, type), "open a socket");
  try {
    scoped(({ base, bytes, view }) => {
      const one = take(4);
      view.setInt32(one, 1, true);
      // SO_REUSEADDR, as servers do, and IPV6_V6ONLY, so that ours does not stand in the way of its own IPv4 sibling.
      if (protocol === "tcp") check(call("setsockopt", socket, 1, 2, base + one, 4), "set up a socket");
      if (version === 6) check(call("setsockopt", socket, 41, 26, base + one, 4), "set up a socket");
      const at = take(28);
      view.setUint16(at, version === 4 ? 2 : 10, true);
      view.setUint16(at + 2, port, false);
      bytes.set(address, at + (version === 4 ? 4 : 8));
      check(call("bind", socket, base + at, version === 4 ? 16 : 28), `bind to port ${port}`);
    });
    if (protocol === "tcp") check(call("listen", socket, backlog), `listen on port ${port}`);
    return socket;
  } catch (thrown) {
    closeQuietly(socket);
    throw thrown;
  }
}

/** A socket of `bindPort` keeps its port, but only from those who do not reuse addresses; also for others who have it open. */
export function stopListening(socket: number): void {
  check(call("shutdown", socket, 0), "stop listening on a socket");
}
