// Unix sockets that keep packet boundaries, their passengers, and counters to wake a waiter.
// Source: unix(7), sendmsg(2), cmsg(3), eventfd(2).

import { Fault } from "../base/fault.ts";
import { putBytes, scoped, take, takeDirty } from "./arena.ts";
import { AT_FDCWD, closeQuietly, handlePath, O_DIRECTORY, O_PATH, openat2 } from "./files.ts";
import { address, call, callFault, check, type Path } from "./syscall.ts";

export { poll, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, waitReadable } from "./poll.ts";
export type { PollTarget } from "./poll.ts";
export { inotifyAdd, inotifyInit, inotifyRead, waitForFile } from "./inotify.ts";
export type { FileEvent } from "./inotify.ts";

export type SocketKind = "stream" | "datagram" | "seqpacket";

const unix = 1;
const cloexec = 0o2000000;
const nonBlock = 0o4000;
const noSignal = 0x4000;
const dontWait = 0x40;
const eintr = 4;
const eagain = 11;
const pathBytesMax = 107;

const kindNumber = (kind: SocketKind): number => (kind === "stream" ? 1 : kind === "datagram" ? 2 : 5);

function openSocket(kind: SocketKind, nonBlocking: boolean): number {
  const type = kindNumber(kind) | cloexec | (nonBlocking ? nonBlock : 0);
  return check(call("socket", unix, type), "open a socket");
}

/** Connects to the socket at `path`, however long that is; the caller closes. */
export function connectUnix(path: Path, kind: SocketKind, { nonBlocking = false } = {}): number {
  const place = openat2(AT_FDCWD, path, { flags: O_PATH });
  const socket = openSocket(kind, nonBlocking);
  try {
    const result = withAddress(handlePath(place), (at, size) => retry(() => call("connect", socket, at, size)));
    check(result, "connect to", path);
    return socket;
  } catch (thrown) {
    closeQuietly(socket);
    throw thrown;
  } finally {
    closeQuietly(place);
  }
}

export interface Listening {
  readonly kind: SocketKind;
  readonly backlog?: number;
  readonly nonBlocking?: boolean;
}

/** Makes a socket at `path`, which must not exist, and listens; the directory may be long, the last name not. */
export function listenUnix(path: string, { kind, backlog = 16, nonBlocking = false }: Listening): number {
  const slash = path.lastIndexOf("/");
  const directory = slash < 0 ? "." : path.slice(0, slash) || "/";
  const parent = openat2(AT_FDCWD, directory, { flags: O_PATH | O_DIRECTORY });
  const socket = openSocket(kind, nonBlocking);
  try {
    const place = handlePath(parent, path.slice(slash + 1));
    check(withAddress(place, (at, size) => call("bind", socket, at, size)), "make a socket at", path);
    if (kind !== "datagram") check(call("listen", socket, backlog), "listen at", path);
    return socket;
  } catch (thrown) {
    closeQuietly(socket);
    throw thrown;
  } finally {
    closeQuietly(parent);
  }
}

/** The next connection; undefined where none waits and the socket does not block. */
export function accept(socket: number, { nonBlocking = false } = {}): number | undefined {
  const result = retry(() => call("accept4", socket, 0, 0, cloexec | (nonBlocking ? nonBlock : 0)));
  return result === -eagain ? undefined : check(result, "accept a connection");
}

export function socketPair(kind: SocketKind, { nonBlocking = false } = {}): [number, number] {
  return scoped(({ base, view }) => {
    const at = take(8);
    const type = kindNumber(kind) | cloexec | (nonBlocking ? nonBlock : 0);
    check(call("socketpair", unix, type, 0, base + at), "make a pair of sockets");
    return [view.getInt32(at, true), view.getInt32(at + 4, true)];
  });
}

function withAddress(path: Path, use: (address: number, size: number) => number): number {
  return scoped(({ base, bytes, view }) => {
    const name = typeof path === "string" ? new TextEncoder().encode(path) : path;
    if (name.length > pathBytesMax) throw callFault(36, "use the socket", path);
    const at = take(2 + pathBytesMax + 1);
    view.setUint16(at, unix, true);
    bytes.set(name, at + 2);
    return use(base + at, 2 + name.length + 1);
  });
}

/** Sends one packet (or bytes of a stream); returns how much went, -1 where a socket that does not block is full. */
export function send(socket: number, bytes: Uint8Array): number {
  const result = retry(() => call("sendto", socket, address(bytes), bytes.byteLength, noSignal));
  return result === -eagain ? -1 : check(result, "send to a socket");
}

/**
 * Receives one packet (or some bytes of a stream) into `bytes`; 0 at the end, -1 where nothing waits and the socket,
 * or this call by `wait: false`, does not block. A packet longer than `bytes` is cut by the kernel.
 */
export function receive(socket: number, bytes: Uint8Array, { wait = true } = {}): number {
  const flags = wait ? 0 : dontWait;
  const result = retry(() => call("recvfrom", socket, address(bytes), bytes.byteLength, flags));
  return result === -eagain ? -1 : check(result, "receive from a socket");
}

/** Says that no more will be sent, or read. */
export function shutdown(socket: number, how: "read" | "write" | "both"): void {
  check(call("shutdown", socket, how === "read" ? 0 : how === "write" ? 1 : 2), "shut a socket down");
}

const headerBytes = 56;
const passengersMax = 16;
const payloadBytesMax = 64 * 1024;

/** Sends bytes (at least one) with open handles, which arrive as handles of the receiver. */
export function sendHandles(socket: number, bytes: Uint8Array, handles: readonly number[]): void {
  if (bytes.length === 0 || handles.length > passengersMax) {
    throw new Fault("system.failed", `cannot send ${handles.length} handles with ${bytes.length} bytes`);
  }
  scoped(({ base, view }) => {
    const control = take(16 + handles.length * 4 + 4);
    view.setBigUint64(control, BigInt(16 + handles.length * 4), true);
    view.setInt32(control + 8, 1, true); // SOL_SOCKET
    view.setInt32(control + 12, 1, true); // SCM_RIGHTS
    handles.forEach((handle, index) => view.setInt32(control + 16 + index * 4, handle, true));
    const data = { address: putBytes(bytes), size: bytes.length };
    const header = message(base, view, { data, control: base + control, controlBytes: 16 + handles.length * 4 });
    check(retry(() => call("sendmsg", socket, base + header, noSignal)), "send handles to a socket");
  });
}

/** Receives bytes and the handles that came with them, which the caller closes. */
export function receiveHandles(socket: number): { readonly bytes: Uint8Array; readonly handles: readonly number[] } {
  return scoped(({ base, bytes, view }) => {
    const control = take(16 + passengersMax * 4);
    const data = takeDirty(payloadBytesMax);
    const into = { address: base + data, size: payloadBytesMax };
    const header = message(base, view, { data: into, control: base + control, controlBytes: 16 + passengersMax * 4 });
    const size = check(retry(() => call("recvmsg", socket, base + header, 0x40000000)), "receive from a socket");
    const controlBytes = Number(view.getBigUint64(header + 40, true));
    const handles: number[] = [];
    if (controlBytes >= 16 && view.getInt32(control + 12, true) === 1) {
      const end = Math.min(Number(view.getBigUint64(control, true)), controlBytes);
      for (let at = 16; at + 4 <= end; at += 4) handles.push(view.getInt32(control + at, true));
    }
    return { bytes: bytes.slice(data, data + size), handles };
  });
}

interface Message {
  readonly data: { readonly address: number; readonly size: number };
  readonly control: number;
  readonly controlBytes: number;
}

/** A struct msghdr with one struct iovec; returns its offset. */
function message(base: number, view: DataView, { data, control, controlBytes }: Message): number {
  const vector = take(16);
  view.setBigUint64(vector, BigInt(data.address), true);
  view.setBigUint64(vector + 8, BigInt(data.size), true);
  const header = take(headerBytes);
  view.setBigUint64(header + 16, BigInt(base + vector), true);
  view.setBigUint64(header + 24, 1n, true);
  view.setBigUint64(header + 32, BigInt(control), true);
  view.setBigUint64(header + 40, BigInt(controlBytes), true);
  return header;
}

/** A counter that wakes who polls it; the caller closes. */
export function eventfd(): number {
  return check(call("eventfd2", 0, cloexec | nonBlock), "make an event counter");
}

export function signalEvent(fd: number): void {
  scoped(({ base, view }) => {
    const at = take(8);
    view.setUint32(at, 1, true);
    check(call("write", fd, base + at, 8), "signal an event");
  });
}

/** Takes the count and sets it to 0. */
export function drainEvent(fd: number): number {
  return scoped(({ base, view }) => {
    const at = take(8);
    const result = call("read", fd, base + at, 8);
    if (result === -eagain) return 0;
    check(result, "read an event counter");
    return Number(view.getBigUint64(at, true));
  });
}

function retry(attempt: () => number): number {
  for (;;) {
    const result = attempt();
    if (result !== -eintr) return result;
  }
}
