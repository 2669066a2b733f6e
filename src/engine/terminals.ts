// What the commands ask of the terminal they run on.

import { tcgetattr, tcsetattr } from "../kernel/terminal.ts";

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
