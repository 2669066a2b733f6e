// A process of one thread again: what the kernel asks of whoever changes his user namespace.
// Source: setns(2), clone(2) on threads, rt_sigaction(2), tgkill(2), proc_pid_task(5).

import * as fs from "node:fs";
import { scoped, take } from "./arena.ts";
import { call, check, threadEnd } from "./syscall.ts";

/**
 * The two threads the runtime has at its start, by name: one that lays out heap blocks ahead, one that gives freed memory back.
 * Nobody waits for either, and both may be missing, as after a fork; what they do is done later or not at all.
 */
const dispensable: ReadonlySet<string> = new Set(["JSCWarmUp", "mi-scavenger"]);

/** The C library's own for pthread_cancel, which the runtime never uses; the one signal that neither thread blocks. */
const SIGCANCEL = 32;
const SA_RESTORER = 0x04000000;

const nameMs = 500;
const goMs = 5000;

/**
 * Ends all threads but this one and then calls `enter`, whose answer of -EINVAL says that one is still there. False, and nothing has
 * changed, where there is one that may be needed or that does not come to rest.
 *
 * @throws Fault for any other -errno
 */
export function alone(enter: () => number, attempt: string): boolean {
  const own = call("gettid");
  const code = threadEnd();
  if (code === undefined || !onlyDispensable(own)) return false;
  return scoped(({ base, view }) => {
    const [before, action] = [take(actionBytes), take(actionBytes)];
    view.setBigUint64(action, BigInt(code.handler), true);
    view.setBigUint64(action + 8, BigInt(SA_RESTORER), true);
    view.setBigUint64(action + 16, BigInt(code.back), true);
    check(call("rt_sigaction", SIGCANCEL, base + action, base + before, maskBytes), attempt);
    const entered = endAll(own, enter);
    // A signal that found no handler would end the process, so it stays where somebody may still get one.
    if (entered === -einval) return false;
    call("rt_sigaction", SIGCANCEL, base + before, 0, maskBytes);
    check(entered, attempt);
    return true;
  });
}

/** In the kernel's own form of an action. */
const actionBytes = 32;
const maskBytes = 8;
const einval = 22;

/** Again and again: who does not rest when the signal comes goes on, and a list read while threads end may lack one. */
function endAll(own: number, enter: () => number): number {
  for (const end = performance.now() + goMs; ; Bun.sleepSync(0.03)) {
    const others = otherThreads(own);
    for (const { id } of others) call("tgkill", process.pid, id, SIGCANCEL);
    const entered = others.length > 0 ? -einval : enter();
    if (entered !== -einval || performance.now() > end) return entered;
  }
}

interface Thread {
  readonly id: number;
  readonly name: string;
}

function otherThreads(own: number): Thread[] {
  return fs.readdirSync("/proc/self/task").flatMap((name) => {
    if (Number(name) === own) return [];
    try {
      return [{ id: Number(name), name: fs.readFileSync(`/proc/self/task/${name}/comm`, "latin1").trim() }];
    } catch {
      return [];
    }
  });
}

/** A thread that has just been started has the process's name still: on a busy machine it may take its time to its own. */
function onlyDispensable(own: number): boolean {
  const unnamed = fs.readFileSync("/proc/self/comm", "latin1").trim();
  for (const end = performance.now() + nameMs; performance.now() < end; Bun.sleepSync(0.05)) {
    const others = otherThreads(own).filter(({ name }) => !dispensable.has(name));
    if (others.length === 0) return true;
    if (others.some(({ name }) => name !== unnamed)) return false;
  }
  return false;
}
