// A child that makes a few system calls in other namespaces and ends: for what this process could not come back from.
// Source: clone(2), vfork(2), waitid(2), rt_sigprocmask(2).

import { scoped, take } from "./arena.ts";
import { numbers, type SyscallName } from "./numbers.ts";
import { call, check, cloneInto } from "./syscall.ts";

/** In place of an argument: the result of the call before. */
export const before = "before";

export type ChildCall = readonly [name: SyscallName, ...args: (number | typeof before)[]];

const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;
const rowBytes = 64;
const childrenOfAllKinds = 0x40000000;
const exited = 4;

let clone: ReturnType<typeof cloneInto> | "unasked" = "unasked";

/**
 * Runs `calls` one after the other in a child born into the new namespaces that `flags` name (CLONE_NEW…). Its handles are copies of
 * ours, so that those it opens end with it. Addresses among the arguments stay the caller's. False where we have no code for this machine.
 *
 * @throws Fault `cannot <attempt>: <reason>` for the first call that fails; those after it are not made
 */
export function inChild(flags: number, calls: readonly ChildCall[], attempt: string): boolean {
  if (clone === "unasked") clone = cloneInto();
  const start = clone;
  if (start === undefined) return false;
  scoped(({ base, view }) => {
    const table = take(calls.length * rowBytes);
    const resultAt = calls.map((_, at) => {
      const used = calls[at + 1]?.indexOf(before) ?? -1;
      // The number is not needed any more once the call is made.
      return used < 0 ? table + at * rowBytes : table + (at + 1) * rowBytes + used * 8;
    });
    for (const [at, [name, ...args]] of calls.entries()) {
      const words = [numbers[name][0], ...args.map(value => (value === before ? 0 : value))];
      for (const [index, word] of words.entries()) view.setBigInt64(table + at * rowBytes + index * 8, BigInt(word), true);
      view.setBigInt64(table + at * rowBytes + 56, BigInt(base + resultAt[at]!), true);
    }
    const left = withoutSignals(() => statusOf(check(start(CLONE_VM | CLONE_VFORK | flags, base + table, calls.length), attempt)));
    if (left > 0) check(Number(view.getBigInt64(resultAt[calls.length - left]!, true)), attempt);
  });
  return true;
}

/** A handler of ours that ran in the child would run on our own memory. */
function withoutSignals<T>(use: () => T): T {
  return scoped(({ base, bytes }) => {
    const [all, old] = [take(8), take(8)];
    bytes.fill(0xff, all, all + 8);
    const setMask = 2;
    check(call("rt_sigprocmask", setMask, base + all, base + old, 8), "block signals");
    try {
      return use();
    } finally {
      call("rt_sigprocmask", setMask, base + old, 0, 8);
    }
  });
}

/** The child has ended by now: its birth with VFORK waited for that. */
function statusOf(pid: number): number {
  return scoped(({ base, view }) => {
    const byPid = 1;
    const info = take(128);
    check(call("waitid", byPid, pid, base + info, exited | childrenOfAllKinds), "wait for a child process");
    return view.getInt32(info + 24, true);
  });
}
