// Directories for what is only passing through, outside any store. What a killed process left of them goes with the next one that is made.

import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, reasonOf, systemFault } from "./fault.ts";
import { isOfDead, processMark } from "./process-mark.ts";

export interface Scratch extends Disposable {
  readonly path: string;
  remove(): void;
}

const prefix = "coracle-";

export const scratchBase = (): string => process.env["TMPDIR"] || "/var/tmp";

/** Of our own eyes alone. @throws Fault "system.…" */
export function scratch(base: string | undefined = scratchBase()): Scratch {
  try {
    sweepScratch(base);
    const path = mkdtempSync(join(base, `${prefix}${processMark()}-`));
    const remove = (): void => rmSync(path, { recursive: true, force: true });
    return { path, remove, [Symbol.dispose]: remove };
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot make a directory in ${JSON.stringify(base)}: ${reasonOf(thrown)}`, thrown);
  }
}

/** Others may write there too: only what is ours is touched. */
export function sweepScratch(base: string): void {
  for (const name of namesIn(base)) {
    const mark = /^coracle-(\d+-\d+)-\w+$/.exec(name)?.[1];
    if (mark === undefined || !isOfDead(mark)) continue;
    const found = lstatSync(join(base, name), { throwIfNoEntry: false });
    if (found?.isDirectory() && found.uid === process.geteuid!()) rmSync(join(base, name), { recursive: true, force: true });
  }
}

/** Who makes something there hears what is wrong with it. */
function namesIn(base: string): string[] {
  try {
    return readdirSync(base);
  } catch {
    return [];
  }
}
