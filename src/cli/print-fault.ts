// Prints what went wrong to standard error: "Error: …", then the way out.

import { Fault } from "../base/fault.ts";
import { isLogged } from "../base/log.ts";
import { OutputClosed, writeErr } from "./output.ts";

/** @returns the exit status */
export function printFault(thrown: unknown): number {
  if (thrown instanceof OutputClosed) return 141;
  if (thrown instanceof Fault) {
    writeErr(`Error: ${thrown.message}\n${thrown.hint === undefined ? "" : `${thrown.hint}\n`}`);
    return thrown.exit;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  writeErr(`Error: ${isLogged("debug") ? (error.stack ?? error.message) : error.message}\n`);
  return 125;
}
