// Our own standard streams joined to a container's attach socket: packets out, bytes in, detach keys, end of input.
// Source: conmon's conn_sock.c for the protocol: each packet is one byte (2 stdout, 3 stderr), then data.

import { writeSync } from "node:fs";
import type { Socket, SocketHandler } from "bun";
import { Fault, errnoOf } from "../../base/fault.ts";
import { shutdown } from "../../kernel/sockets.ts";
import { poll, POLLOUT } from "../../kernel/poll.ts";
import { isTerminal } from "../../kernel/terminal.ts";
import { detachScanner } from "./detach-keys.ts";

export interface Joining {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Bytes that end the attachment; empty for none. */
  readonly detachKeys: Uint8Array;
}

export type Parting = "ended" | "detached" | "broken-pipe";

const inputPacketBytes = 8192;
const markStdout = 2;
const markStderr = 3;

/** Writes all of it; waits where the other side is slow. False where nobody reads any more. */
export function writeOut(fd: number, bytes: Uint8Array): boolean {
  let rest = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === "EPIPE" || errno === "EIO") return false;
      if (errno !== "EAGAIN" && errno !== "EINTR") throw thrown;
      poll([{ fd, events: POLLOUT }]);
    }
  }
  return true;
}

/** The writing side: waits for room in the socket, one packet after the other. */
class Input {
  #drained: (() => void) | undefined;
  #closed = false;
  readonly #socket: () => Socket<undefined>;

  constructor(socket: () => Socket<undefined>) {
    this.#socket = socket;
  }

  drain(): void {
    this.#drained?.();
  }

  close(): void {
    this.#closed = true;
    this.#drained?.();
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#closed) return false;
      const sent = this.#socket().write(rest.subarray(0, inputPacketBytes));
      if (sent < 0) return false;
      rest = rest.subarray(sent);
      if (sent === 0) await new Promise<void>(resolve => (this.#drained = resolve));
    }
    return true;
  }
}

async function feed(fd: number, input: Input, keys: Uint8Array): Promise<"end" | "detach" | "closed"> {
  const scan = detachScanner(keys);
  try {
    for await (const chunk of Bun.file(0).stream()) {
      const { bytes, detach } = scan(chunk);
      if (!(await input.write(bytes))) return "closed";
      if (detach) return "detach";
    }
  } catch (thrown) {
    // A terminal that went away, or standard input that is closed, is an end of input.
    if (!["EIO", "EBADF", "EISDIR", "EINVAL"].includes(errnoOf(thrown) ?? "")) throw thrown;
  }
  try {
    shutdown(fd, "write");
  } catch {
    return "closed";
  }
  return "end";
}

/** An open socket into the event loop; packets keep their boundaries. */
function adopt(fd: number, handlers: SocketHandler<undefined>): Promise<Socket<undefined>> {
  return Bun.connect<undefined>({ fd, socket: handlers } as unknown as Parameters<typeof Bun.connect<undefined>>[0]);
}

/** Joins our streams to the socket, which is ours from now on, until the container ends or the person leaves. */
export async function joinStreams(fd: number, joining: Joining): Promise<Parting> {
  let leave!: (parting: Parting) => void;
  let fail!: (reason: unknown) => void;
  const parted = new Promise<Parting>((resolve, reject) => {
    leave = resolve;
    fail = reject;
  });
  let socket!: Socket<undefined>;
  const input = new Input(() => socket);
  const show = (packet: Uint8Array): void => {
    const isError = packet[0] === markStderr;
    if (!isError && packet[0] !== markStdout) return;
    if (!(isError ? joining.stderr : joining.stdout)) return;
    if (!writeOut(isError ? 2 : 1, packet.subarray(1))) leave("broken-pipe");
  };
  socket = await adopt(fd, {
    data: (_socket, packet) => show(packet),
    drain: () => input.drain(),
    close: () => {
      input.close();
      leave("ended");
    },
    error: (_socket, cause) => fail(new Fault("system.failed", `cannot talk to the container's monitor: ${cause.message}`, { cause })),
  });
  // Only a person leaves by keys: in what a script sends, the same bytes are data.
  const keys = isTerminal(0) ? joining.detachKeys : new Uint8Array();
  if (joining.stdin) void feed(fd, input, keys).then(end => end === "detach" && leave("detached"), fail);
  const parting = await parted;
  if (parting !== "ended") socket.end();
  return parting;
}
