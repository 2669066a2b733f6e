// Udica: one program without verbs, but for "confined_user"; its options, and what goes wrong in its words.
// Source: udica(8).

import { OutputClosed, writeErr, writeOut } from "../cli/output.ts";
import { Misuse } from "../cli/argparse.ts";

/** @param argv with the program's name first. @returns the exit status */
export async function runUdica(argv: readonly string[]): Promise<number> {
  const args = argv.slice(1);
  const out = (line: string): void => writeOut(`${line}\n`);
  if (args.includes("confined_user")) return (await import("./confine/confined-user.ts")).makeConfinedUser(args, out);
  return (await import("./confine/container.ts")).confineContainer(args, out);
}

/** @returns the exit status */
export async function failUdica(thrown: unknown): Promise<number> {
  if (thrown instanceof OutputClosed) return 141;
  if (thrown instanceof Misuse) {
    const { usageOf } = await import("./confine/options.ts");
    writeErr(usageOf(thrown));
    return 2;
  }
  const { printFault } = await import("../cli/print-fault.ts");
  return printFault(thrown);
}
