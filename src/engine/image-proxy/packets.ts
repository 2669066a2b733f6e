// The socket an image proxy is spoken to by: one JSON request a packet, one reply a packet, open pipes as passengers.
// Source: skopeo's docs-experimental, "skopeo-experimental-image-proxy"; unix(7).

import { fstatSync } from "node:fs";
import type { SocketHandler } from "bun";
import { Fault, errnoOf } from "../../base/fault.ts";
import { asRecord, findList, needText, parseJson } from "../../base/shape.ts";
import { sendHandles } from "../../kernel/sockets.ts";

export interface Request {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A reply's fields, and the reading ends that go with it. */
export interface Packet {
  readonly fields: object;
  readonly handles: readonly number[];
}

export const requestBytesMax = 32 * 1024;
const argsMax = 16;
/** A peer that sends on without waiting for replies is let down after so many. */
const waitingMax = 64;
const subject = { what: "request", code: "input.malformed" } as const;

/** @throws Fault "usage.invalid" where `fd` is not an open socket */
export function needSocket(fd: number): void {
  try {
    if (fstatSync(fd).isSocket()) return;
  } catch (thrown) {
    if (errnoOf(thrown) !== "EBADF") throw thrown;
  }
  throw new Fault("usage.invalid", `cannot serve on file descriptor ${fd}: it is not an open socket`, {
    hint: "hand one end of a socket pair over and name its number with --sockfd",
  });
}

/** The requests in their order, until the peer closes. */
export async function* requestsFrom(fd: number): AsyncGenerator<Uint8Array, void, void> {
  const waiting: Uint8Array[] = [];
  let isOver = false;
  let wake = (): void => {};
  const end = (): void => {
    isOver = true;
    wake();
  };
  const handlers: SocketHandler<undefined> = {
    data(socket, packet) {
      waiting.push(packet.slice());
      if (waiting.length > waitingMax) socket.end();
      wake();
    },
    close: end,
    end,
    error: end,
  };
  await Bun.connect<undefined>({ fd, socket: handlers } as unknown as Parameters<typeof Bun.connect<undefined>>[0]);
  for (;;) {
    const packet = waiting.shift();
    if (packet !== undefined) yield packet;
    else if (isOver) return;
    else await new Promise<void>(resolve => (wake = resolve));
  }
}

/** @throws Fault "input.malformed", "input.too-large" */
export function readRequest(packet: Uint8Array): Request {
  if (packet.length >= requestBytesMax) throw new Fault("input.too-large", `invalid request: larger than ${requestBytesMax} bytes`);
  const fields = asRecord(parseJson(packet, subject, requestBytesMax), subject);
  return { method: needText(fields, "method", subject), args: fields["args"] == null ? [] : findList(fields, "args", subject, argsMax) };
}

/** A reply that does not fit a packet is replaced by one that says so. */
export function sendPacket(fd: number, { fields, handles }: Packet): void {
  try {
    sendHandles(fd, encoded(fields), handles);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EMSGSIZE") throw thrown;
    sendHandles(fd, encoded({ success: false, value: null, pipeid: 0, error_code: "other", error: "the answer is too large for one packet" }), []);
  }
}

const encoded = (fields: object): Uint8Array => new TextEncoder().encode(JSON.stringify(fields));
