// rm: takes a container away: its row, its root, its files, and what depends on it when asked.

import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";

export interface RemoveOptions {
  readonly force?: boolean;
  readonly depend?: boolean;
  readonly volumes?: boolean;
  /** Seconds, for the stop that --force does; -1 for ever. */
  readonly timeout?: number;
}

export async function remove(host: Host, choice: Choice, options: RemoveOptions = {}): Promise<Outcome[]> {
  throw new Error("not written yet");
}

/** Removes all that neither run nor are paused; answers their IDs and the bytes gained. */
export async function prune(host: Host, filters: readonly string[] = []): Promise<{ outcomes: Outcome[]; bytes: number }> {
  throw new Error("not written yet");
}

/** Takes away what a failed start left of a container with --rm; never fails. */
export async function discard(host: Host, id: string): Promise<void> {
  throw new Error("not written yet");
}
