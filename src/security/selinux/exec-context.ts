// The context in which the next program of this thread starts.
// Source: setexeccon(3); proc_pid_attr(5).

import { writeFileSync } from "node:fs";
import { log } from "../../base/log.ts";

const attribute = "/proc/thread-self/attr/exec";

/** Runs `start`, whose program begins in `context`; as ever where that is undefined, and again as ever where the policy refuses. */
export function atContext<T>(context: string | undefined, start: () => T): T {
  if (context === undefined) return start();
  try {
    writeFileSync(attribute, context);
    return start();
  } catch (thrown) {
    log.debug(`the program starts in our own SELinux context, not in ${context}: ${(thrown as Error).message}`);
  } finally {
    clear();
  }
  return start();
}

function clear(): void {
  try {
    writeFileSync(attribute, "\n");
  } catch {
    // It was never set.
  }
}
