// Names that say which process made a file, so that whoever comes later knows whether that one is gone.

import { readlinkSync } from "node:fs";
import { errnoOf } from "./fault.ts";

/** "SPACE-PID": process IDs mean something only within the space they were given in. */
export const processMark = (): string => `${processSpace()}-${process.pid}`;

/** @param isOurs what to say of this very process */
export function isOfDead(mark: string, isOurs = false): boolean {
  const [space = "", pid = ""] = mark.split("-");
  return space === processSpace() && (Number(pid) === process.pid ? isOurs : !isAlive(Number(pid)));
}

const processSpace = (): string => /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return errnoOf(thrown) !== "ESRCH";
  }
}
