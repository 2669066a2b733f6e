// Reads a command line into flags and operands, by pflag's grammar and in its words.
// Source: pflag's FlagSet.Parse, cobra's Traverse, by their behaviour.

import { Fault } from "../base/fault.ts";
import { withoutUserinfo } from "../base/address.ts";
import { flagName, goQuote, type Flag, type FlagTable } from "./flag.ts";

/** One table of flags and what the line said of it. */
export interface Scope {
  readonly table: FlagTable;
  /** Keys that count here; absent: all. */
  readonly only?: ReadonlySet<string>;
  readonly flags: Record<string, unknown>;
  readonly given: Set<string>;
  /** Written for flags that are secret. */
  readonly secrets: string[];
}

export interface Reading {
  /** "podman run": named in "See 'podman run --help'". */
  readonly path: string;
  /** False: flags end at the first operand. */
  readonly interspersed?: boolean;
}

export interface Line {
  readonly operands: string[];
  /** -h was written where no flag has it. */
  readonly asksHelp: boolean;
  /** For standard error: uses of deprecated flags. */
  readonly warnings: string[];
}

interface Found {
  readonly scope: Scope;
  readonly key: string;
  readonly flag: Flag<unknown>;
}

/** A scope with every fallback in place. */
export function openScope(table: FlagTable, only?: ReadonlySet<string>): Scope {
  const flags: Record<string, unknown> = {};
  for (const key in table) flags[key] = table[key]?.fallback;
  return { table, flags, given: new Set(), secrets: [], only };
}

/** The same values under fewer names, as the inherited flags are after the verb. */
export function narrowed(scope: Scope, only: ReadonlySet<string>): Scope {
  return { ...scope, only };
}

/** @param scopes the first that knows a name has it. @throws Fault "usage.invalid" */
export function parseLine(args: readonly string[], scopes: readonly Scope[], reading: Reading): Line {
  const line = { operands: [] as string[], asksHelp: false, warnings: [] as string[] };
  let at = 0;
  while (at < args.length) {
    const word = args[at++] ?? "";
    if (word === "--") {
      line.operands.push(...args.slice(at));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      line.operands.push(word);
      if (reading.interspersed === false) {
        line.operands.push(...args.slice(at));
        break;
      }
      continue;
    }
    const next = { args, at, scopes, path: reading.path, warnings: line.warnings };
    const taken = word.startsWith("--") ? readLong(word, next) : readShorts(word, next);
    if (taken === "help") return { ...line, asksHelp: true };
    at = taken;
  }
  return line;
}

interface Next {
  readonly args: readonly string[];
  readonly at: number;
  readonly scopes: readonly Scope[];
  readonly path: string;
  readonly warnings: string[];
}

function readLong(word: string, next: Next): number | "help" {
  const body = word.slice(2);
  const equals = body.indexOf("=");
  const name = equals < 0 ? body : body.slice(0, equals);
  if (name === "" || name.startsWith("-")) throw usage(`bad flag syntax: ${word}`, next.path);
  const found = findLong(name, next.scopes);
  if (found === undefined) {
    if (name === "help") return "help";
    throw unknownFlag(name, next);
  }
  if (equals >= 0) return take(found, body.slice(equals + 1), next);
  if (found.flag.bare !== undefined) return take(found, found.flag.bare, next);
  const value = next.args[next.at];
  if (value === undefined) throw usage(`flag needs an argument: --${name}`, next.path);
  return take(found, value, { ...next, at: next.at + 1 });
}

function readShorts(word: string, next: Next): number | "help" {
  let cluster = word.slice(1);
  while (cluster !== "") {
    const letter = String.fromCodePoint(cluster.codePointAt(0) ?? 0);
    const found = findShort(letter, next.scopes);
    if (found === undefined) {
      if (letter === "h") return "help";
      throw usage(`unknown shorthand flag: '${letter}' in -${cluster}`, next.path);
    }
    const rest = cluster.slice(letter.length);
    if (rest.length > 1 && rest.startsWith("=")) return take(found, rest.slice(1), next);
    if (found.flag.bare !== undefined) take(found, found.flag.bare, next);
    else if (rest !== "") return take(found, rest, next);
    else {
      const value = next.args[next.at];
      if (value === undefined) throw usage(`flag needs an argument: '${letter}' in -${cluster}`, next.path);
      return take(found, value, { ...next, at: next.at + 1 });
    }
    cluster = rest;
  }
  return next.at;
}

function take(found: Found, raw: string, next: Next): number {
  const { scope, key, flag } = found;
  if (flag.secret !== undefined) scope.secrets.push(flag.secret === "value" ? raw.slice(raw.indexOf("=") + 1 || raw.length) : raw);
  try {
    scope.flags[key] = flag.read(raw, scope.given.has(key) ? scope.flags[key] : undefined);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usage(`invalid argument ${goQuote(raw)} for ${goQuote(shownName(key, flag))} flag: ${why}`, next.path);
  }
  scope.given.add(key);
  if (flag.deprecated) next.warnings.push(`Flag --${flagName(key)} has been deprecated, ${flag.deprecated}`);
  return next.at;
}

function shownName(key: string, flag: Flag<unknown>): string {
  return flag.short ? `-${flag.short}, --${flagName(key)}` : `--${flagName(key)}`;
}

function findLong(name: string, scopes: readonly Scope[]): Found | undefined {
  const plain = name.includes("-") || name === name.toLowerCase() ? camel(name) : undefined;
  for (const scope of scopes) {
    if (plain !== undefined && counts(scope, plain)) return { scope, key: plain, flag: scope.table[plain] as Flag<unknown> };
    for (const key in scope.table) {
      if (counts(scope, key) && scope.table[key]?.aliases?.includes(name)) {
        return { scope, key, flag: scope.table[key] as Flag<unknown> };
      }
    }
  }
  return undefined;
}

function camel(name: string): string | undefined {
  const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return flagName(key) === name ? key : undefined;
}

function findShort(letter: string, scopes: readonly Scope[]): Found | undefined {
  for (const scope of scopes) {
    for (const key in scope.table) {
      const flag = scope.table[key];
      if (flag?.short === letter && counts(scope, key)) return { scope, key, flag };
    }
  }
  return undefined;
}

const counts = (scope: Scope, key: string): boolean =>
  Object.hasOwn(scope.table, key) && (scope.only === undefined || scope.only.has(key));

/** A command line for logs. */
export function withoutSecrets(argv: readonly string[], scopes: readonly Scope[]): string[] {
  const secrets = scopes.flatMap(scope => scope.secrets).filter(secret => secret !== "");
  const hidden = (word: string): string => {
    const secret = secrets.find(one => word.endsWith(one));
    return secret === undefined ? word : `${word.slice(0, -secret.length)}***`;
  };
  return argv.map(word => withoutUserinfo(hidden(word)));
}

/** How many words of `args` stand before the first that is no flag nor a flag's value. */
export function leadingFlags(args: readonly string[], scopes: readonly Scope[]): number {
  let at = 0;
  while (at < args.length) {
    const word = args[at] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") return at;
    at += takesNext(word, scopes) ? 2 : 1;
  }
  return at;
}

function takesNext(word: string, scopes: readonly Scope[]): boolean {
  if (word.includes("=")) return false;
  if (word.startsWith("--")) return findLong(word.slice(2), scopes)?.flag.bare === undefined;
  return word.length === 2 && findShort(word.slice(1), scopes)?.flag.bare === undefined;
}

function unknownFlag(name: string, next: Next): Fault {
  const known: string[] = [];
  for (const scope of next.scopes) {
    for (const key in scope.table) if (counts(scope, key) && !scope.table[key]?.hidden) known.push(flagName(key));
  }
  const near = nearest(name, known);
  const hint = near === undefined ? {} : { hint: `Did you mean --${near}?` };
  return new Fault("usage.invalid", `unknown flag: --${name}\nSee '${next.path} --help'`, hint);
}

function usage(message: string, path: string): Fault {
  return new Fault("usage.invalid", `${message}\nSee '${path} --help'`);
}

/** The word of `known` that `typed` was most likely meant to be, if any is near. */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.max(1, Math.floor(typed.length / 3))) + 1;
  for (const word of known) {
    const distance = word.startsWith(typed) && typed.length > 2 ? 1 : editDistance(typed, word);
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** Levenshtein's distance, two letters swapped counting as one step; words over 64 letters are infinitely far. */
export function editDistance(from: string, to: string): number {
  if (from.length > 64 || to.length > 64) return Infinity;
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const swap = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isTurned = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const turn = isTurned ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(swap, turn, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[to.length] ?? Infinity;
}
