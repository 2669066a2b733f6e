// The answer of an act on several containers: each succeeded or failed by itself.

import type { Fault } from "../base/fault.ts";

/** One target's outcome. */
export interface Outcome {
  /** What to print on success: the input as written, or the full ID where --all chose it. */
  readonly target: string;
  readonly id?: string;
  readonly fault?: Fault;
  readonly warnings?: readonly string[];
}

/** How containers are chosen by kill, stop, rm, start, pause, restart, wait, init … */
export interface Choice {
  /** Names, IDs and prefixes as written. */
  readonly names?: readonly string[];
  readonly all?: boolean;
  readonly latest?: boolean;
  /** "key=value", as --filter takes them. */
  readonly filters?: readonly string[];
  /** Missing containers are passed over. */
  readonly ignore?: boolean;
  readonly cidfiles?: readonly string[];
}
