// Invocation: what every verb runs with, and `verb` that declares one.

import type { Fault } from "../base/fault.ts";
import type { Host } from "../engine/host.ts";
import type { Completer, Suggestions } from "../cli/complete.ts";
import { verbsOf, type Call, type Contents as ContentsOf, type Persona as PersonaOf } from "../cli/command.ts";
import type { FlagTable, Values } from "../cli/flag.ts";
import type { Globals } from "./globals.ts";

export interface Invocation {
  /** The program we are: podman, buildah, skopeo, udica, coracle. */
  readonly persona: string;
  /** The program's own options, as read. */
  readonly globals: Values<Globals>;
  readonly globalsGiven: ReadonlySet<string>;
  /** Opened at first use; only for verbs that need it. */
  readonly host: Host;
  /** The whole line as called, argv[0] included. */
  readonly argv: readonly string[];
  /** What the verb leaves with when it returns; 0 unless set. */
  exitStatus: number;
  /** One line to standard output. */
  out(line: string): void;
  /** Bytes or text to standard output as they are. */
  write(data: string | Uint8Array): void;
  /** One line to standard error. */
  err(line: string): void;
  /** Prints a failure of one target and goes on; the first one's status becomes the exit status. */
  failed(fault: Fault | unknown): void;
}

export type Contents = ContentsOf<Invocation>;
export type Persona = PersonaOf<Invocation>;
export type VerbCall<F extends FlagTable> = Call<Invocation, F>;

export const verb = verbsOf<Invocation>();

/** A completer that may look at the host. */
export function completer(
  find: (context: Invocation, word: string, operands: readonly string[]) => readonly string[] | Suggestions | Promise<readonly string[] | Suggestions>,
): Completer {
  return (word, at) => find(at.context as Invocation, word, at.operands);
}
