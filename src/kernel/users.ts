// Who this process is: its ids, its capabilities, whether it is in a user namespace.
// Source: capget(2), capabilities(7), user_namespaces(7).

import { readlinkSync } from "node:fs";
import { insideMark, outerGid, outerUid } from "../base/reentry.ts";
import { scoped, take } from "./arena.ts";
import { AT_FDCWD, closeQuietly, O_RDONLY, openat2, readAll } from "./files.ts";
import { call, check } from "./syscall.ts";

export const getuid = (): number => call("getuid");
export const geteuid = (): number => call("geteuid");
export const getgid = (): number => call("getgid");
export const getegid = (): number => call("getegid");

/** Bit sets: bit 21 is CAP_SYS_ADMIN. */
export interface Capabilities {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

export const CAP_DAC_OVERRIDE = 1;
export const CAP_NET_ADMIN = 12;
export const CAP_SYS_CHROOT = 18;
export const CAP_SYS_ADMIN = 21;
export const CAP_SYS_RESOURCE = 24;
export const CAP_MKNOD = 27;

const version3 = 0x20080522;

export function capget(): Capabilities {
  return scoped(({ base, view }) => {
    const header = take(8);
    const data = take(24);
    view.setUint32(header, version3, true);
    check(call("capget", base + header, base + data), "read our capabilities");
    const set = (at: number): bigint =>
      BigInt(view.getUint32(data + at, true)) | (BigInt(view.getUint32(data + 12 + at, true)) << 32n);
    return { effective: set(0), permitted: set(4), inheritable: set(8) };
  });
}

/** Whether this process may use a capability now. */
export const hasCapability = (number: number): boolean => ((capget().effective >> BigInt(number)) & 1n) === 1n;

/** The capabilities that a program started by us could still get. */
export function boundingCapabilities(): bigint {
  const readBounding = 23;
  let bits = 0n;
  for (let number = 0; number < 64; number++) {
    const result = call("prctl", readBounding, number);
    if (result < 0) break;
    if (result === 1) bits |= 1n << BigInt(number);
  }
  return bits;
}

export interface IdMap {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** The ids of this process's user namespace and what they are outside. */
export const ownIdMaps = (kind: "uid" | "gid"): IdMap[] => readIdMaps("self", kind);

/** The ids of a process's user namespace and what they are in ours; undefined where that is the same one. */
export function idMapsWithin(pid: number, kind: "uid" | "gid"): IdMap[] | undefined {
  const space = (owner: string): string => readlinkSync(`/proc/${owner}/ns/user`);
  return space(String(pid)) === space("self") ? undefined : readIdMaps(String(pid), kind);
}

function readIdMaps(owner: string, kind: "uid" | "gid"): IdMap[] {
  const fd = openat2(AT_FDCWD, `/proc/${owner}/${kind}_map`, { flags: O_RDONLY });
  try {
    const lines = new TextDecoder().decode(readAll(fd, 64 * 1024)).trim().split("\n");
    return lines.flatMap((line) => {
      const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
      return count === undefined ? [] : [{ inside: inside!, outside: outside!, count }];
    });
  } finally {
    closeQuietly(fd);
  }
}

/** Whether our ids are the machine's own: all of them, each as itself. */
export function isInInitialUserNamespace(): boolean {
  const [only, ...more] = ownIdMaps("uid");
  if (only === undefined || more.length > 0) return false;
  return only.inside === 0 && only.outside === 0 && only.count === 2 ** 32 - 1;
}

export interface RootlessUser {
  readonly uid: number;
  readonly gid: number;
}

/** The ordinary user we work for, by the machine's own numbers: outside, or as root of his namespace; undefined for root. */
export function rootlessUser(): RootlessUser | undefined {
  const uid = geteuid();
  if (uid !== 0) return { uid, gid: getegid() };
  if (process.env[insideMark] === undefined || isInInitialUserNamespace()) return undefined;
  const [outer, group] = [process.env[outerUid], process.env[outerGid]];
  if (!/^[1-9]\d{0,9}$/.test(outer ?? "")) return undefined;
  return { uid: Number(outer), gid: /^\d{1,10}$/.test(group ?? "") ? Number(group) : Number(outer) };
}
