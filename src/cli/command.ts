// A verb: a flag table, its operands and what to run; and the tables of contents that load verbs when they are called.

import type { FaultCode } from "../base/fault.ts";
import type { FlagTable, Values } from "./flag.ts";
import type { Operands } from "./operands.ts";

/** What a verb's `run` is given: only what the line said, read and checked. */
export interface Call<C, F extends FlagTable = FlagTable> {
  readonly context: C;
  readonly flags: Values<F>;
  /** Keys of the flags the person wrote. */
  readonly given: ReadonlySet<string>;
  readonly operands: readonly string[];
  /** "podman container rm": as the person called it, aliases resolved. */
  readonly path: string;
}

export interface Verb<C, F extends FlagTable = FlagTable> {
  /** What follows the name in the synopsis: "[options] CONTAINER [CONTAINER...]". "[options]" only with flags to show. */
  readonly usage: string;
  /** The Description paragraph; may have line breaks. */
  readonly about: string;
  readonly operands: Operands;
  readonly flags: F;
  /** Whole command lines. */
  readonly examples?: readonly string[];
  /**
   * "host" (default): `context.host` may be used. "nothing": it may not, and the engine is not loaded. "unshared": as
   * "host", and an ordinary user must have come into his namespaces himself, since what is done shows there alone.
   */
  readonly needs?: "host" | "nothing" | "unshared";
  /** It reads a little and ends: what its start alone needed is not worth giving back. */
  readonly looks?: boolean;
  /** It makes room on the disk, and so may use what the store keeps back for that. */
  readonly frees?: boolean;
  /** Exit status where it differs from the fault's own. */
  readonly exits?: Partial<Readonly<Record<FaultCode, number>>>;
  /** False: flags end at the first operand, as in `run IMAGE cmd --flag`. Default true. */
  readonly interspersed?: boolean;
  /** Everything after the verb goes to `operands` unread, "--help" included. */
  readonly unparsed?: boolean;
  /** Returns the exit status when it is not `context.exitStatus`. */
  run(call: Call<C, F>): void | number | Promise<void | number>;
}

/** A verb whose flags are not known to the caller. */
// oxlint-disable-next-line no-explicit-any
export type AnyVerb<C> = Verb<C, any>;
export type Load<C> = () => Promise<{ readonly default: AnyVerb<C> }>;

export interface Listing {
  readonly aliases?: readonly string[];
  readonly hidden?: boolean;
}

/** One line of a table of contents: the summary, and where the verb lies. */
export type Entry<C> = readonly [summary: string, load: Load<C>, listing?: Listing];

export interface Group<C> extends Listing {
  readonly summary: string;
  /** Description; the summary when absent. */
  readonly about?: string;
  readonly contents: Contents<C>;
}

/** Names to verbs and groups of verbs, as written on the command line. */
export interface Contents<C> {
  readonly [name: string]: Entry<C> | Group<C>;
}

/** One program that the binary can be. */
export interface Persona<C> {
  readonly name: string;
  readonly about: string;
  /** Printed by --version: "podman version 5.8.2". */
  readonly version: string;
  /** Options of the program itself, before the verb; those in `inherited` also after it. */
  readonly globals: FlagTable;
  readonly inherited: ReadonlySet<string>;
  readonly contents: Contents<C>;
  /** Refuses a line without a verb in a capital letter and without a page of help beside it, as skopeo does. */
  readonly isTerse?: boolean;
}

export function group<C>(summary: string, contents: Contents<C>, more: Listing & { about?: string } = {}): Group<C> {
  return { summary, contents, ...more };
}

export function isGroup<C>(entry: Entry<C> | Group<C>): entry is Group<C> {
  return "contents" in entry;
}

/** `verb` for one kind of context; lets `flags` be inferred while `C` is fixed. */
export function verbsOf<C>(): <const F extends FlagTable>(declaration: Verb<C, F>) => Verb<C, F> {
  return (declaration) => declaration;
}
