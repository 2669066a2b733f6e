// Prints what went wrong to standard error: "Error: …", then the way out.

import { withoutUserinfo } from "../base/address.ts";
import { Fault, withWayOut } from "../base/fault.ts";
import { isLogged } from "../base/log.ts";
import { harmless, OutputClosed, writeErr } from "./output.ts";
import { isTerminal } from "./prompt.ts";

/**
 * Scripts compare what podman prints to the letter, so its personality keeps hints for a person at a terminal;
 * called as coracle, or with CORACLE_HINTS set, they are always there.
 */
function showsHints(): boolean {
  const called = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
  return called === "coracle" || Boolean(process.env["CORACLE_HINTS"]) || isTerminal(2);
}

/** @returns the exit status */
export function printFault(failure: unknown): number {
  const thrown = withWayOut(failure);
  if (thrown instanceof OutputClosed) return 141;
  if (thrown instanceof Fault) {
    const hint = thrown.hint !== undefined && showsHints() ? `${thrown.hint}\n` : "";
    complain(`Error: ${thrown.message}\n${hint}`);
    return thrown.exit;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  complain(`Error: ${isLogged("debug") ? (error.stack ?? error.message) : error.message}\n`);
  return 125;
}

const complain = (text: string): void => writeErr(harmless(withoutUserinfo(text), 2));
