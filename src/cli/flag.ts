// Flags as values: what a person may write, how it reads, what stands when it is absent, how help shows it.
// Source: pflag's types and their messages, as podman 5.8 prints them.

import { parseGoDuration } from "../base/duration.ts";
import { parseSize } from "../base/bytes.ts";
import type { Completer } from "./complete.ts";

/** Why a written value is refused; the parser puts the flag and the value in front. */
export class Misread extends Error {}

/** One flag. Its key in the table, in camel case, is its name: `noTrunc` is --no-trunc. */
export interface Flag<T> {
  readonly help: string;
  readonly short?: string;
  /** Stands in help for the value; "" for toggles. */
  readonly value: string;
  /** What `flags.x` is when the person did not write it. */
  readonly fallback: T;
  /** What help puts into "(default …)"; absent shows nothing. */
  readonly shown?: string;
  /** Read when the flag is written without a value; absent: a value must follow. */
  readonly bare?: string;
  readonly hidden?: boolean;
  /** Says what to use instead; hides the flag and warns when it is written. */
  readonly deprecated?: string;
  /** Why it cannot be used; writing it is a fault that says so. */
  readonly refused?: string;
  /** Other long names, accepted but not shown. */
  readonly aliases?: readonly string[];
  /** Kept out of logs: what is written, or what stands behind its first "=". */
  readonly secret?: "whole" | "value";
  readonly complete?: Completer;
  /** @param before what the same flag read earlier on this line, undefined the first time. @throws Misread */
  read(raw: string, before: T | undefined): T;
}

/** A flag that sets a field of a spec; `fill` calls `set` only when the person wrote it. */
export interface SpecFlag<S, T> extends Flag<T> {
  set(spec: S, value: T): void;
}

// biome-ignore: the table holds flags of every type
export type FlagTable = Readonly<Record<string, Flag<any>>>;
export type Values<F extends FlagTable> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** What every constructor takes besides its own. */
export interface About {
  readonly help: string;
  readonly short?: string;
  /** Overrides the word that stands for the value in help. */
  readonly value?: string;
  readonly shown?: string;
  readonly bare?: string;
  readonly hidden?: boolean;
  readonly deprecated?: string;
  readonly refused?: string;
  readonly aliases?: readonly string[];
  readonly secret?: "whole" | "value";
  readonly complete?: Completer;
}

type WithFallback<A, T> = A & { readonly fallback: T };

/** On or off: --all, --all=false. */
export function toggle(about: About & { readonly fallback?: boolean }): Flag<boolean> {
  const fallback = about.fallback ?? false;
  const shown = about.shown ?? (fallback ? "true" : undefined);
  return { ...about, value: about.value ?? "", bare: about.bare ?? "true", fallback, shown, read: readBoolean };
}

/** One string; undefined when absent unless `fallback` is given. */
export function text(about: WithFallback<About, string>): Flag<string>;
export function text(about: About): Flag<string | undefined>;
export function text(about: About & { readonly fallback?: string }): Flag<string | undefined> {
  const shown = about.shown ?? (about.fallback ? goQuote(about.fallback) : undefined);
  return { ...about, value: about.value ?? "string", fallback: about.fallback, shown, read: (raw) => raw };
}

/** Repeatable; each writing is one value, commas belong to it. */
export function texts(about: About & { readonly fallback?: readonly string[] }): Flag<readonly string[]> {
  return several({ ...about, value: about.value ?? "stringArray" }, (raw) => [raw]);
}

/** Repeatable; each writing is one line of CSV with any number of values. */
export function list(about: About & { readonly fallback?: readonly string[] }): Flag<readonly string[]> {
  return several({ ...about, value: about.value ?? "strings" }, readCsv);
}

/** A whole number, negative ones too. */
export function whole(about: WithFallback<About, number>): Flag<number>;
export function whole(about: About): Flag<number | undefined>;
export function whole(about: About & { readonly fallback?: number }): Flag<number | undefined> {
  return numeric(about, "int", (raw) => readInteger(raw, "ParseInt"));
}

/** A whole number that is not negative. */
export function natural(about: WithFallback<About, number>): Flag<number>;
export function natural(about: About): Flag<number | undefined>;
export function natural(about: About & { readonly fallback?: number }): Flag<number | undefined> {
  return numeric(about, "uint", (raw) => readInteger(raw, "ParseUint"));
}

/** A number with or without a fraction. */
export function decimal(about: WithFallback<About, number>): Flag<number>;
export function decimal(about: About): Flag<number | undefined>;
export function decimal(about: About & { readonly fallback?: number }): Flag<number | undefined> {
  return numeric(about, "float", readFloat);
}

/** A size such as 64m, in bytes; "-1" stays -1. */
export function bytes(about: WithFallback<About, number>): Flag<number>;
export function bytes(about: About): Flag<number | undefined>;
export function bytes(about: About & { readonly fallback?: number }): Flag<number | undefined> {
  return numeric(about, "number[unit]", (raw) => (raw === "-1" ? -1 : parseSize(raw)));
}

/** A length of time as Go writes it, such as 1h30m, in milliseconds. */
export function duration(about: WithFallback<About, number>): Flag<number>;
export function duration(about: About): Flag<number | undefined>;
export function duration(about: About & { readonly fallback?: number }): Flag<number | undefined> {
  return numeric(about, "duration", (raw) => parseGoDuration(raw) / 1e6);
}

/** One of a few words. */
export function choice<W extends string>(words: readonly W[], about: WithFallback<About, W>): Flag<W>;
export function choice<W extends string>(words: readonly W[], about: About): Flag<W | undefined>;
export function choice<W extends string>(
  words: readonly W[],
  about: About & { readonly fallback?: W },
): Flag<W | undefined> {
  const read = (raw: string): W => {
    const word = words.find((known) => known === raw);
    if (word === undefined) throw new Misread(`"${raw}" is not a valid value.  Choose from: "${words.join(", ")}"`);
    return word;
  };
  const complete = about.complete ?? (() => [...words]);
  return { ...about, value: about.value ?? "choice", fallback: about.fallback, complete, read };
}

/** Any type, by a reader of the verb's own. @param read throws Misread or any Error; its message is shown */
export function custom<T>(
  about: About & { readonly fallback: T },
  read: (raw: string, before: T | undefined) => T,
): Flag<T> {
  return { ...about, value: about.value ?? "string", read };
}

/** Pairs a flag with the field of the spec it sets. */
export function sets<S, T>(flag: Flag<T>, set: (spec: S, value: NonNullable<T>) => void): SpecFlag<S, T> {
  return { ...flag, set: (spec, value) => set(spec, value as NonNullable<T>) };
}

/** Sets the fields of every flag of `table` that was written, in the table's order. */
export function fill<S>(
  table: FlagTable,
  written: { readonly flags: Readonly<Record<string, unknown>>; readonly given: ReadonlySet<string> },
  spec: S,
): void {
  for (const key in table) {
    const flag = table[key] as Partial<SpecFlag<S, unknown>>;
    if (written.given.has(key)) flag.set?.(spec, written.flags[key]);
  }
}

/** The long name of a key: noTrunc → no-trunc. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function several(
  about: About & { readonly value: string; readonly fallback?: readonly string[] },
  read: (raw: string) => string[],
): Flag<readonly string[]> {
  const fallback = about.fallback ?? [];
  const shown = about.shown ?? (fallback.length > 0 ? `[${fallback.join(",")}]` : undefined);
  return { ...about, fallback, shown, read: (raw, before) => [...(before ?? []), ...read(raw)] };
}

function numeric(
  about: About & { readonly fallback?: number },
  value: string,
  read: (raw: string) => number,
): Flag<number | undefined> {
  const shown = about.shown ?? (about.fallback ? String(about.fallback) : undefined);
  return { ...about, value: about.value ?? value, fallback: about.fallback, shown, read };
}

function readBoolean(raw: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(raw)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(raw)) return false;
  throw new Misread(`strconv.ParseBool: parsing ${goQuote(raw)}: invalid syntax`);
}

function readInteger(raw: string, by: "ParseInt" | "ParseUint"): number {
  const shape = by === "ParseInt" ? /^[+-]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[0-9]+)$/ : /^(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[0-9]+)$/;
  if (!shape.test(raw)) throw new Misread(`strconv.${by}: parsing ${goQuote(raw)}: invalid syntax`);
  const digits = raw.replace(/^[+-]/, "").replace(/^0(?=[0-7]+$)/, "0o");
  const number = raw.startsWith("-") ? -Number(digits) : Number(digits);
  if (Math.abs(number) > 2 ** 63) throw new Misread(`strconv.${by}: parsing ${goQuote(raw)}: value out of range`);
  return number === 0 ? 0 : number;
}

function readFloat(raw: string): number {
  if (/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(raw)) return Number(raw);
  if (/^[+-]?(inf|infinity)$/i.test(raw)) return raw.startsWith("-") ? -Infinity : Infinity;
  if (/^nan$/i.test(raw)) return NaN;
  throw new Misread(`strconv.ParseFloat: parsing ${goQuote(raw)}: invalid syntax`);
}

/** One record of Go's encoding/csv: quotes only around whole fields. */
export function readCsv(raw: string): string[] {
  if (raw === "") return [];
  const fields: string[] = [];
  let at = 0;
  while (at <= raw.length) {
    const field = raw[at] === '"' ? readQuoted(raw, at) : readBare(raw, at);
    fields.push(field.text);
    if (field.end >= raw.length) break;
    at = field.end + 1;
  }
  return fields;
}

function readBare(raw: string, at: number): { text: string; end: number } {
  const comma = raw.indexOf(",", at);
  const end = comma < 0 ? raw.length : comma;
  const quote = raw.slice(at, end).indexOf('"');
  if (quote >= 0) throw new Misread(`parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`);
  return { text: raw.slice(at, end), end };
}

function readQuoted(raw: string, start: number): { text: string; end: number } {
  let text = "";
  for (let at = start + 1; at < raw.length; at++) {
    if (raw[at] !== '"') text += raw[at];
    else if (raw[at + 1] === '"') text += raw[at++];
    else if (at + 1 === raw.length || raw[at + 1] === ",") return { text, end: at + 1 };
    else throw new Misread(`parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`);
  }
  throw new Misread(`parse error on line 1, column ${raw.length + 1}: extraneous or missing " in quoted-field`);
}

/** As Go's %q shows a string. */
export function goQuote(text: string): string {
  return JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, (_, hex: string) => goEscapes[hex] ?? `\\x${hex}`);
}

const goEscapes: Readonly<Record<string, string>> = { "07": "\\a", "0b": "\\v" };
