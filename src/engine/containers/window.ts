// Our terminal in raw mode while a container's program has it, and its size passed on whenever it changes.
// Source: conmon's ctrl.c for the lines of its control pipe.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { isTerminal, makeRaw, windowSize } from "../../kernel/terminal.ts";

export interface Monitor {
  /** Connected; the owner closes. */
  readonly socket: number;
  /** conmon's pipe for "resize" lines. */
  readonly control: string;
}

export interface HeldTerminal {
  /** May be called more than once. */
  release(): void;
}

/** Best effort: a container whose monitor does not listen keeps its size. */
export function sendSize(control: string): void {
  const size = windowSize(0) ?? windowSize(1);
  if (!size) return;
  try {
    const fd = openSync(control, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fd, `1 ${size.rows} ${size.columns}\n`);
    } finally {
      closeSync(fd);
    }
  } catch {
    // See above.
  }
}

/** Raw only where we read from the terminal. */
export function holdTerminal({ control }: Pick<Monitor, "control">, { raw }: { raw: boolean }): HeldTerminal {
  const restore = raw && isTerminal(0) ? makeRaw(0) : undefined;
  const resize = () => sendSize(control);
  resize();
  process.on("SIGWINCH", resize);
  return {
    release() {
      process.off("SIGWINCH", resize);
      restore?.();
    },
  };
}
