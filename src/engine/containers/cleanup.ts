// cleanup: what follows a container's end: exit code kept, network and mounts taken down, restart policy and --rm applied.

import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";

export interface CleanupOptions {
  /** An exec session's ID: only that session is cleaned. */
  readonly exec?: string;
  readonly remove?: boolean;
  readonly removeImage?: boolean;
  /** Fail rather than wait when the container still runs. */
  readonly stoppedOnly?: boolean;
}

export async function cleanup(host: Host, choice: Choice, options: CleanupOptions = {}): Promise<Outcome[]> {
  throw new Error("not written yet");
}
