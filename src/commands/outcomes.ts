// Printing what became of each target: its name on success, one error line on failure, and going on.

import type { Outcome } from "../engine/batch.ts";
import { warn } from "./warnings.ts";
import type { Invocation } from "./verb.ts";

/** @param show what to print on success; the target as written when absent, nothing when it answers undefined */
export function report(context: Invocation, outcomes: readonly Outcome[], show: (outcome: Outcome) => string | undefined = ({ target }) => target): void {
  for (const outcome of outcomes) {
    for (const warning of outcome.warnings ?? []) warn(warning);
    if (outcome.fault) {
      context.failed(outcome.fault);
      continue;
    }
    const line = show(outcome);
    if (line !== undefined) context.out(line);
  }
}
