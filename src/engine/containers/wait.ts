// wait: until a container is in a wanted condition.

import type { Choice } from "../batch.ts";
import type { Host } from "../host.ts";

export interface WaitOptions {
  /** Such as "stopped", "running", "removing", "healthy"; default stopped or exited. */
  readonly conditions?: readonly string[];
  readonly intervalMs?: number;
  /** Only the code of the first one that gets there. */
  readonly firstMatch?: boolean;
}

/** Exit codes in the order of the names; -1 for a missing one with `ignore` and for conditions other than an end. */
export async function wait(host: Host, choice: Choice, options: WaitOptions = {}): Promise<number[]> {
  throw new Error("not written yet");
}
