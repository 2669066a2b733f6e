// The cgroups that a dump remembers, without the v2 tree that a machine with v1 groups has too, shown or not: criu would make it
// anew with controllers that are not to be had there, and every container is in the right v1 groups already.
// Source: criu's cgroup.proto; protobuf's encoding.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cgroupMode } from "./cgroups.ts";
import { decodeImage, type Message } from "./criu-images.ts";

const varint = (value: bigint): number[] => {
  const bytes: number[] = [];
  for (let left = value; ; left >>= 7n) {
    if (left < 0x80n) return [...bytes, Number(left)];
    bytes.push(Number(left & 0x7fn) | 0x80);
  }
};

/** Every field of these messages is a number or has a length. */
function encode(message: Message): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [field, values] of message) {
    for (const value of values) {
      if (typeof value === "bigint") parts.push(Uint8Array.from([...varint(BigInt(field << 3)), ...varint(value)]));
      else parts.push(Uint8Array.from([...varint(BigInt((field << 3) | 2)), ...varint(BigInt(value.length))]), value);
    }
  }
  return Buffer.concat(parts);
}

const fieldOf = (bytes: Uint8Array, field: number): readonly (bigint | Uint8Array)[] => messageOf(bytes).get(field) ?? [];
/** An image's framing around one message lets the one decoder do. */
const messageOf = (bytes: Uint8Array): Message => {
  const framed = new Uint8Array(8 + bytes.length);
  new DataView(framed.buffer).setUint32(4, bytes.length, true);
  framed.set(bytes, 8);
  return decodeImage(framed, "cgroup.img")[0] ?? new Map();
};

/** The v2 tree has no name. */
const isNameless = (value: bigint | Uint8Array | undefined): boolean => value === undefined || (value instanceof Uint8Array && value.length === 0);
const setsField = 1;
const controllersField = 2;

function withoutMember(set: Uint8Array): Uint8Array {
  const message = new Map(messageOf(set));
  message.set(2, (message.get(2) ?? []).filter(member => !(member instanceof Uint8Array && isNameless(fieldOf(member, 1)[0]))));
  return encode(message);
}

/** Rewrites the image of a dump where it remembers such a tree; other dumps that share the file keep theirs. */
export function forgetUnified(images: string): void {
  const path = `${images}/cgroup.img`;
  if (cgroupMode() === "v2" || !existsSync(path)) return;
  const bytes = readFileSync(path);
  const [entry] = decodeImage(bytes, "cgroup.img");
  const controllers = entry?.get(controllersField) ?? [];
  const kept = controllers.filter(one => !(one instanceof Uint8Array && isNameless(fieldOf(one, 1)[0])));
  if (!entry || kept.length === controllers.length) return;
  const message = new Map(entry);
  message.set(controllersField, kept);
  message.set(setsField, (entry.get(setsField) ?? []).map(set => (set instanceof Uint8Array ? withoutMember(set) : set)));
  const body = encode(message);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length);
  writeFileSync(`${path}.new`, Buffer.concat([bytes.subarray(0, 8), size, body]), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
