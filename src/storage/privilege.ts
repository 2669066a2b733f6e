// Whether this process is real root: what overlay and device nodes ask for differs in a user namespace.

import * as fs from "node:fs";

export interface Privilege {
  readonly overlayMarks: "trusted." | "user.";
  readonly lenient: boolean;
  /** There is one ID only, so every owner in a layer becomes us. */
  readonly singleOwner: boolean;
}

export function privilege(): Privilege {
  const real = process.geteuid!() === 0 && isInitialUserNamespace();
  return { overlayMarks: real ? "trusted." : "user.", lenient: !real, singleOwner: !real && isSingle() };
}

function isInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(fs.readFileSync("/proc/self/uid_map", "latin1"));
}

const isSingle = (): boolean => /^\s*\d+\s+\d+\s+1\s*$/.test(fs.readFileSync("/proc/self/uid_map", "latin1"));
