// Rules of nftables: those of one chain, and taking some of them away in one step.
// Source: netlink(7), linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.

import { closeQuietly } from "./files.ts";
import { receive, send } from "./sockets.ts";
import { call, callFault, check } from "./syscall.ts";

export interface NftChain {
  readonly family: keyof typeof families;
  readonly table: string;
  readonly chain: string;
}

/** One step of a rule, such as "payload", "cmp" or "immediate"; its attributes by number, their values as they came. */
export interface NftExpression {
  readonly name: string;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

export interface NftRule extends NftChain {
  readonly handle: bigint;
  readonly expressions: readonly NftExpression[];
}

const netlink = 16;
const netfilter = 12;
const rawCloexec = 3 | 0o2000000;
const families = { inet: 1, ip: 2, ip6: 10 };
const subsystem = 10;
const isRequest = 1;
const wantsAnswer = 4;
const wantsAll = 0x300;
const message = { error: 2, done: 3, batchBegin: 16, batchEnd: 17, newRule: (subsystem << 8) | 6, getRule: (subsystem << 8) | 7, deleteRule: (subsystem << 8) | 8 };
const of = { table: 1, chain: 2, handle: 3, expressions: 4, element: 1, name: 1, data: 2 };
const headerBytes = 16;
const answerBytesMax = 64 * 1024;

const padded = (size: number): number => (size + 3) & ~3;
const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
const unended = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly family?: number;
  readonly resource?: number;
  readonly attributes?: readonly (readonly [number, Uint8Array])[];
}

function encode({ type, flags, sequence, family = 0, resource = 0, attributes = [] }: Request): Uint8Array {
  const size = headerBytes + 4 + attributes.reduce((sum, [, value]) => sum + padded(4 + value.length), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint8(headerBytes, family);
  view.setUint16(headerBytes + 2, resource, false);
  let at = headerBytes + 4;
  for (const [number, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, number, true);
    bytes.set(value, at + 4);
    at += padded(4 + value.length);
  }
  return bytes;
}

/** The attributes in `bytes`, in their order; a nested one is a list of that kind itself. */
export function attributesOf(bytes: Uint8Array): [number, Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: [number, Uint8Array][] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > bytes.length) break;
    // The two highest bits tell of its form.
    found.push([view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + size)]);
    at += padded(size);
  }
  return found;
}

function ruleOf(family: NftChain["family"], body: Uint8Array): NftRule {
  const parts = new Map(attributesOf(body));
  const handle = parts.get(of.handle);
  return {
    family,
    table: unended(parts.get(of.table) ?? new Uint8Array(1)),
    chain: unended(parts.get(of.chain) ?? new Uint8Array(1)),
    handle: handle ? new DataView(handle.buffer, handle.byteOffset).getBigUint64(0, false) : 0n,
    expressions: attributesOf(parts.get(of.expressions) ?? new Uint8Array()).map(([, element]) => {
      const expression = new Map(attributesOf(element));
      return { name: unended(expression.get(of.name) ?? new Uint8Array(1)), attributes: new Map(attributesOf(expression.get(of.data) ?? new Uint8Array())) };
    }),
  };
}

function withSocket<T>(act: (socket: number) => T): T {
  const socket = check(call("socket", netlink, rawCloexec, netfilter), "open a netlink socket");
  try {
    return act(socket);
  } finally {
    closeQuietly(socket);
  }
}

/** Each message that waits on the socket, until `take` has enough; the kernel has answered by the time a request is sent. */
function eachAnswer(socket: number, take: (type: number, payload: Uint8Array) => boolean): void {
  const buffer = new Uint8Array(answerBytesMax);
  for (;;) {
    const size = receive(socket, buffer, { wait: false });
    if (size <= 0) return;
    const view = new DataView(buffer.buffer, 0, size);
    for (let at = 0; at + headerBytes <= size;) {
      const length = view.getUint32(at, true);
      if (length < headerBytes || at + length > size) break;
      if (take(view.getUint16(at + 4, true), buffer.slice(at + headerBytes, at + length))) return;
      at += padded(length);
    }
  }
}

/** 0 is an acknowledgement. */
const errnoIn = (payload: Uint8Array): number => -new DataView(payload.buffer).getInt32(0, true);

/** None where there is no such chain or table. @throws Fault "system.denied", "system.failed" */
export function nftRules({ family, table, chain }: NftChain): NftRule[] {
  return withSocket(socket => {
    const rules: NftRule[] = [];
    const attributes = [[of.table, text(table)], [of.chain, text(chain)]] as const;
    send(socket, encode({ type: message.getRule, flags: isRequest | wantsAll, sequence: 1, family: families[family], attributes }));
    eachAnswer(socket, (type, payload) => {
      const errno = type === message.error ? errnoIn(payload) : 0;
      if (errno !== 0 && errno !== 2) throw callFault(errno, "list the firewall rules of", chain);
      if (type !== message.newRule) return type === message.done || type === message.error;
      const rule = ruleOf(family, payload.subarray(4));
      if (rule.chain === chain && rule.table === table) rules.push(rule);
      return false;
    });
    return rules;
  });
}

/** All of them or none. @throws Fault */
export function deleteNftRules(rules: readonly NftRule[]): void {
  const edge = { flags: isRequest, resource: subsystem };
  const deletions = rules.map(({ family, table, chain, handle }, index) => {
    const number = new Uint8Array(8);
    new DataView(number.buffer).setBigUint64(0, handle, false);
    return encode({
      type: message.deleteRule, flags: isRequest | wantsAnswer, sequence: index + 1, family: families[family],
      attributes: [[of.table, text(table)], [of.chain, text(chain)], [of.handle, number]],
    });
  });
  const batch = [encode({ ...edge, type: message.batchBegin, sequence: 0 }), ...deletions, encode({ ...edge, type: message.batchEnd, sequence: rules.length + 1 })];
  withSocket(socket => {
    send(socket, Uint8Array.from(batch.flatMap(part => [...part])));
    let done = 0;
    eachAnswer(socket, (type, payload) => {
      if (type !== message.error) return false;
      if (errnoIn(payload) !== 0) throw callFault(errnoIn(payload), "remove firewall rules from", rules[0]?.chain ?? "");
      return ++done === rules.length;
    });
    if (done !== rules.length) throw callFault(11, "remove firewall rules from", rules[0]?.chain ?? "");
  });
}
