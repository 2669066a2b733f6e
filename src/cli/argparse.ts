// Reads a command line by the grammar of Python's argparse, which udica's personality has: prefixes of long names, flags anywhere.
// Source: Python's documentation of argparse; its messages.

import type { Flag } from "./flag.ts";

/** A line that cannot be read; printed after the usage, with exit status 2. */
export class Misuse extends Error {}

/** By long name as written, without the dashes. */
// oxlint-disable-next-line no-explicit-any
export type Options = Readonly<Record<string, Flag<any>>>;
export type Read<O extends Options> = { readonly [K in keyof O]: O[K] extends Flag<infer T> ? T : never };

export interface Reading<O extends Options> {
  readonly flags: Read<O>;
  readonly given: ReadonlySet<string>;
  readonly operands: readonly string[];
}

export interface Wanted {
  /** Names of operands that must be there. */
  readonly operands: readonly string[];
  /** Options that need none of them; default help. */
  readonly alone?: readonly string[];
}

/** @throws Misuse */
export function readArguments<O extends Options>(args: readonly string[], options: O, { operands, alone = ["help"] }: Wanted): Reading<O> {
  const flags: Record<string, unknown> = {};
  for (const name in options) flags[name] = options[name]!.fallback;
  const line: Line = { args, options, flags, given: new Set(), operands: [], at: 0, unknown: [] };
  while (line.at < args.length) readWord(line, args[line.at++]!);
  const missing = operands.slice(line.operands.length);
  if (missing.length > 0 && !alone.some(name => line.given.has(name))) throw new Misuse(`the following arguments are required: ${missing.join(", ")}`);
  const left = [...line.unknown, ...line.operands.slice(operands.length)];
  if (left.length > 0 && !line.given.has("help")) throw new Misuse(`unrecognized arguments: ${left.join(" ")}`);
  return { flags: flags as Read<O>, given: line.given, operands: line.operands };
}

interface Line {
  readonly args: readonly string[];
  readonly options: Options;
  readonly flags: Record<string, unknown>;
  readonly given: Set<string>;
  readonly operands: string[];
  readonly unknown: string[];
  at: number;
}

function readWord(line: Line, word: string): void {
  if (word === "--") {
    line.operands.push(...line.args.slice(line.at));
    line.at = line.args.length;
  } else if (!isFlag(word)) line.operands.push(word);
  else if (word.startsWith("--")) readLong(line, word);
  else readShorts(line, word);
}

/** A lone dash and negative numbers are values. */
const isFlag = (word: string): boolean => word.startsWith("-") && word !== "-" && !/^-\d+$|^-\d*\.\d+$/.test(word) && !word.includes(" ");

function readLong(line: Line, word: string): void {
  const equals = word.indexOf("=");
  const written = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const names = Object.hasOwn(line.options, written) ? [written] : Object.keys(line.options).filter(name => name.startsWith(written));
  if (names.length > 1) throw new Misuse(`ambiguous option: ${word} could match ${names.map(name => `--${name}`).join(", ")}`);
  if (names.length === 0) return void line.unknown.push(word);
  take(line, names[0]!, equals < 0 ? undefined : word.slice(equals + 1));
}

function readShorts(line: Line, word: string): void {
  let rest = word.slice(1);
  while (rest !== "") {
    const letter = rest[0]!;
    const name = Object.keys(line.options).find(known => line.options[known]!.short === letter);
    if (name === undefined) return void line.unknown.push(`-${rest}`);
    rest = rest.slice(1);
    if (line.options[name]!.bare !== undefined) take(line, name, undefined);
    else return take(line, name, rest === "" ? undefined : rest.replace(/^=/, ""));
  }
}

function take(line: Line, name: string, attached: string | undefined): void {
  const flag = line.options[name]!;
  if (flag.bare !== undefined && attached !== undefined) throw new Misuse(`argument ${shown(name, flag)}: ignored explicit argument '${attached}'`);
  let raw = flag.bare ?? attached;
  if (raw === undefined) {
    const next = line.args[line.at];
    if (next === undefined || next === "--" || isFlag(next)) throw new Misuse(`argument ${shown(name, flag)}: expected one argument`);
    raw = next;
    line.at++;
  }
  line.given.add(name);
  line.flags[name] = flag.read(raw, undefined);
}

const shown = (name: string, flag: Flag<unknown>): string => (flag.short ? `-${flag.short}/--${name}` : `--${name}`);

const valueName = (name: string, flag: Flag<unknown>): string => (flag.value === "" ? "" : ` ${flag.value === "string" ? name.replaceAll("-", "_").toUpperCase() : flag.value}`);

export interface Page {
  /** What stands after "usage: ". */
  readonly program: string;
  readonly about: string;
  readonly operands: readonly (readonly [name: string, help: string])[];
  readonly options: Options;
  readonly end?: string;
}

export function usageLine(page: Page): string {
  const words = Object.entries(page.options).filter(([, flag]) => !flag.hidden).map(([name, flag]) => `[${flag.short ? `-${flag.short}` : `--${name}`}${valueName(name, flag)}]`);
  return wrapped(["usage:", page.program, ...words, ...page.operands.map(([name]) => name)], " ".repeat(8 + page.program.length));
}

function wrapped(words: readonly string[], indent: string): string {
  const lines = [""];
  for (const word of words) {
    const last = lines.at(-1)!;
    if (last.trim() !== "" && last.length + word.length >= 79) lines.push(indent + word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return `${lines.join("\n")}\n`;
}

export function helpPage(page: Page): string {
  const row = (head: string, text: string): string => (head.length > 21 ? `  ${head}\n${" ".repeat(24)}${text}\n` : `  ${head.padEnd(22)}${text}\n`);
  const options = Object.entries(page.options).filter(([, flag]) => !flag.hidden).map(([name, flag]) => {
    const value = valueName(name, flag);
    return row(flag.short ? `-${flag.short}${value}, --${name}${value}` : `--${name}${value}`, flag.help);
  });
  const operands = page.operands.map(([name, help]) => row(name, help));
  return `${usageLine(page)}\n${page.about}\n\npositional arguments:\n${operands.join("")}\noptions:\n${options.join("")}${page.end ? `\n${page.end}\n` : ""}`;
}
