// Processes: their handles, signals, ends, birth times and limits.
// Source: pidfd_open(2), waitid(2), proc_pid_stat(5), prctl(2), prlimit(2).

import { scoped, take } from "./arena.ts";
import { AT_FDCWD, closeQuietly, O_RDONLY, readAll, tryOpenat2 } from "./files.ts";
import { call, callFault, check } from "./syscall.ts";

const esrch = 3;
const echild = 10;
const eintr = 4;

/** A handle that names this very process even when its number is used again; undefined where it is gone. */
export function pidfdOpen(pid: number): number | undefined {
  const result = call("pidfd_open", pid, 0);
  return result === -esrch ? undefined : check(result, "open the process", String(pid));
}

/** Signals the process behind a handle; false where it is gone. */
export function pidfdSendSignal(pidfd: number, signal: number): boolean {
  const result = call("pidfd_send_signal", pidfd, signal);
  return result === -esrch ? false : check(result, `send signal ${signal}`) === 0;
}

/** kill(2); false where there is no such process. Negative `pid` means a process group. */
export function kill(pid: number, signal: number): boolean {
  const result = call("kill", pid, signal);
  return result === -esrch ? false : check(result, `send signal ${signal} to process`, String(pid)) === 0;
}

/**
 * Signals a process that was born at `start`, and no other that got its number since; false where it is gone.
 */
export function killBorn(pid: number, start: number, signal: number): boolean {
  const pidfd = pidfdOpen(pid);
  if (pidfd === undefined) return false;
  try {
    return processStart(pid) === start && pidfdSendSignal(pidfd, signal);
  } finally {
    closeQuietly(pidfd);
  }
}

export type Child = { readonly pid: number } | { readonly pidfd: number };

export interface WaitResult {
  readonly pid: number;
  /** The exit status, or 128 + the signal that ended it. */
  readonly status: number;
  readonly signal?: number;
}

/**
 * Waits for a child to end and reaps it. Without `wait`, undefined while it runs; undefined too where no such child is.
 * Never for children that base/spawn watches.
 */
export function waitid(child: Child, wait = true): WaitResult | undefined {
  const exited = 4;
  const noHang = wait ? 0 : 1;
  const [kind, id] = "pid" in child ? [1, child.pid] : [3, child.pidfd];
  return scoped(({ base, view }) => {
    const info = take(128);
    for (;;) {
      const result = call("waitid", kind, id, base + info, exited | noHang);
      if (result === -echild) return undefined;
      if (result !== -eintr && check(result, "wait for a child process") === 0) break;
    }
    const pid = view.getInt32(info + 16, true);
    if (pid === 0) return undefined;
    const code = view.getInt32(info + 8, true);
    const status = view.getInt32(info + 24, true);
    return code === 1 ? { pid, status } : { pid, status: 128 + status, signal: status };
  });
}

const statBytesMax = 64 * 1024;

/** When a process was born, in clock ticks since boot (field 22 of its stat); undefined for one gone or a zombie. */
export function processStart(pid: number): number | undefined {
  const fields = statFields(pid);
  if (fields === undefined) return undefined;
  const state = fields[0];
  return state === "Z" || state === "X" ? undefined : Number(fields[19]);
}

/** Whether a process runs, and is the one born at `start` where that is given. */
export function isAlive(pid: number, start?: number): boolean {
  const born = processStart(pid);
  return born !== undefined && (start === undefined || born === start);
}

/** The fields of /proc/PID/stat from the third on: the second, the name, may hold spaces and brackets. */
function statFields(pid: number): string[] | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const fd = tryOpenat2(AT_FDCWD, `/proc/${pid}/stat`, { flags: O_RDONLY });
  if (fd < 0) return undefined;
  try {
    const text = new TextDecoder("latin1").decode(readAll(fd, statBytesMax));
    return text.slice(text.lastIndexOf(")") + 2).trimEnd().split(" ");
  } catch {
    return undefined;
  } finally {
    closeQuietly(fd);
  }
}

/** Orphans among our descendants become our children. */
export function setSubreaper(on: boolean): void {
  check(call("prctl", 36, on ? 1 : 0), "become the reaper of orphans");
}

/** The signal this process gets when its parent thread ends; 0 for none. */
export function setParentDeathSignal(signal: number): void {
  check(call("prctl", 1, signal), "set the signal at the parent's end");
}

/** Ends the process at once: nothing that is still open is closed in an orderly way. */
export function exitNow(status: number): void {
  call("exit_group", status & 0xff);
}

/** Sets the file mode creation mask and returns the one before. */
export function umask(mask: number): number {
  return call("umask", mask);
}

/** Their numbers are the same on x86_64 and aarch64. */
export type LimitName = keyof typeof limitNumbers;

const limitNumbers = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

/** Infinity stands for "unlimited". */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

export const isLimitName = (name: string): name is LimitName => Object.hasOwn(limitNumbers, name);

/** Reads a limit of the process `pid` (0: ours). */
export function getLimit(name: LimitName, pid = 0): Limit {
  return scoped(({ base, view }) => {
    const at = take(16);
    check(call("prlimit64", pid, limitNumbers[name], 0, base + at), "read the limit", name);
    return { soft: readLimit(view, at), hard: readLimit(view, at + 8) };
  });
}

export function setLimit(name: LimitName, limit: Limit, pid = 0): void {
  if (!(limit.soft <= limit.hard)) throw callFault(22, "set the limit", name);
  scoped(({ base, view }) => {
    const at = take(16);
    view.setBigUint64(at, limitBits(limit.soft), true);
    view.setBigUint64(at + 8, limitBits(limit.hard), true);
    check(call("prlimit64", pid, limitNumbers[name], base + at), "set the limit", name);
  });
}

const unlimited = 0xffff_ffff_ffff_ffffn;
const limitBits = (value: number): bigint => (value === Infinity ? unlimited : BigInt(Math.trunc(value)));

function readLimit(view: DataView, at: number): number {
  const bits = view.getBigUint64(at, true);
  return bits === unlimited ? Infinity : Number(bits);
}
