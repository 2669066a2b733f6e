// The context in which the next program of this thread starts.
// Source: setexeccon(3); proc_pid_attr(5).

import { writeFileSync } from "node:fs";
import { log } from "../../base/log.ts";

const attribute = "/proc/thread-self/attr/exec";

/** Runs `start`, whose program begins in `context`; as ever where that is undefined or the policy does not let us choose. */
export function atContext<T>(context: string | undefined, start: () => T): T {
  if (context === undefined) return start();
  let isSet = false;
  try {
    writeFileSync(attribute, context);
    isSet = true;
  } catch (thrown) {
    log.debug(`the next program starts in our own SELinux context: ${(thrown as Error).message}`);
  }
  try {
    return start();
  } finally {
    if (isSet) writeFileSync(attribute, "\n");
  }
}
