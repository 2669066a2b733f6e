// What the commands ask of the terminal they run on.

import { closeQuietly } from "../kernel/files.ts";
import { openPty, tcgetattr, tcsetattr } from "../kernel/terminal.ts";

export { isTerminal } from "../kernel/terminal.ts";

const localFlagsAt = 12;
const echo = 0o10;

/** Runs `work` while the terminal does not show what is typed. */
export async function withoutEcho<T>(fd: number, work: () => Promise<T>): Promise<T> {
  const before = tcgetattr(fd);
  const quiet = before.slice();
  const view = new DataView(quiet.buffer);
  view.setUint32(localFlagsAt, view.getUint32(localFlagsAt, true) & ~echo, true);
  tcsetattr(fd, quiet);
  try {
    return await work();
  } finally {
    tcsetattr(fd, before);
  }
}

/** A terminal for a program that wants one at its standard input where we have none. Nobody types at it. */
export function lentTerminal(): Disposable & { readonly stdin: number } {
  const { master, terminal } = openPty();
  return {
    stdin: terminal,
    [Symbol.dispose]() {
      closeQuietly(master);
      closeQuietly(terminal);
    },
  };
}
