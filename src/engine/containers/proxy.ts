// Signals that our process gets, passed on to a container's first process.

import { signalName, signalNumber } from "../../base/signals.ts";
import { killBorn } from "../../kernel/processes.ts";

const notPassed: readonly string[] = ["SIGKILL", "SIGSTOP", "SIGCHLD", "SIGPIPE", "SIGWINCH", "SIGURG", "SIGPWR", "SIGSTKFLT",
  "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGPROF", "SIGVTALRM", "SIGTRAP"];

export interface Proxied {
  readonly pid: number;
  readonly pidStart?: number;
}

export interface SignalProxy extends Disposable {
  /** From now on signals go there; those that came before follow. */
  aim(target: Proxied): void;
}

/** Catches signals until disposed. */
export function proxySignals(): SignalProxy {
  let target: Proxied | undefined;
  const waiting: number[] = [];
  const deliver = (number: number): void => {
    if (!target) waiting.push(number);
    else if (target.pidStart !== undefined) killBorn(target.pid, target.pidStart, number);
  };
  const handlers = new Map<string, () => void>();
  for (let number = 1; number < 32; number++) {
    const name = signalName(number);
    if (notPassed.includes(name) || signalNumber(name) === undefined) continue;
    const handler = () => deliver(number);
    try {
      process.on(name as NodeJS.Signals, handler);
      handlers.set(name, handler);
    } catch {
      // Not every signal can be caught here.
    }
  }
  return {
    aim(to) {
      target = to;
      for (const number of waiting.splice(0)) deliver(number);
    },
    [Symbol.dispose]() {
      for (const [name, handler] of handlers) process.off(name as NodeJS.Signals, handler);
    },
  };
}
