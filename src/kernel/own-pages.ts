// The program's own code in memory: pages that were needed once, at the start, and are mapped from its file.
// Source: madvise(2), proc_pid_maps(5).

import * as fs from "node:fs";
import { call } from "./syscall.ts";

const MADV_DONTNEED = 4;

/**
 * Unmaps the code that has run so far. The start of the runtime touches some 25 MB of it, most of it never again; what is
 * needed again comes back from the file's cached pages, 64 KiB at a fault. Only mappings that nobody can have written to: code, and
 * what lies before it in the file (relocated constants, which the linker writes to, lie behind it).
 */
export function releaseOwnCode(): void {
  for (const line of fs.readFileSync("/proc/self/maps", "latin1").split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) (?:r-xp \S+|r--p 0+) \S+ [1-9]\d* +\/.*$/.exec(line);
    if (!match) continue;
    const from = parseInt(match[1]!, 16);
    call("madvise", from, parseInt(match[2]!, 16) - from, MADV_DONTNEED);
  }
}
