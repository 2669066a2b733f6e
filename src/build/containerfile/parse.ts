// From a Containerfile's text to its instructions.
// Source: Containerfile(5); Dockerfile reference.

import type { Instruction } from "./instruction.ts";
import { malformed, readLines, type LogicalLine, type SourceLines } from "./lines.ts";
import { jsonWords, leadingFlags, pairs, quotedWords, spaceSplit } from "./words.ts";

export interface Containerfile {
  readonly instructions: readonly Instruction[];
  readonly escape: string;
  readonly directives: SourceLines["directives"];
  readonly warnings: readonly string[];
}

type Split = (rest: string, escape: string, name: string) => { words: string[]; isJson?: boolean };

const one: Split = rest => ({ words: rest === "" ? [] : [rest] });
const maybeJson: Split = rest => {
  const words = jsonWords(rest);
  return words === undefined ? { words: rest === "" ? [] : [rest] } : { words, isJson: true };
};
const jsonOrSpaces: Split = rest => {
  const words = jsonWords(rest);
  return words === undefined ? { words: spaceSplit(rest) } : { words, isJson: true };
};
const named: Split = (rest, escape, name) => ({ words: pairs(rest, escape, name) });
const health: Split = rest => {
  const [, type = "", command = ""] = /^(\S*)\s*([\s\S]*)$/.exec(rest)!;
  if (type === "") return { words: [] };
  const words = jsonWords(command);
  return words === undefined ? { words: [type, ...(command === "" ? [] : [command])] } : { words: [type, ...words], isJson: true };
};

const splits: Readonly<Record<string, Split>> = {
  add: jsonOrSpaces, copy: jsonOrSpaces, volume: jsonOrSpaces,
  arg: (rest, escape) => ({ words: quotedWords(rest, escape) }),
  cmd: maybeJson, entrypoint: maybeJson, run: maybeJson, shell: maybeJson,
  env: named, label: named,
  expose: rest => ({ words: spaceSplit(rest) }), from: rest => ({ words: spaceSplit(rest) }),
  healthcheck: health,
  maintainer: one, stopsignal: one, user: one, workdir: one,
  onbuild: one,
};

export const instructionNames: readonly string[] = Object.keys(splits);

/** @throws Fault "containerfile.malformed" with the line, "input.too-large" */
export function parseContainerfile(source: string): Containerfile {
  const read = readLines(source);
  return { ...read, instructions: read.lines.map(line => instructionOf(line, read.escape)) };
}

function instructionOf(logical: LogicalLine, escape: string): Instruction {
  const found = /^\s*([^\t\v\f\r\n ]+)(?:[\t\v\f\r\n ]+([\s\S]*?))?\s*$/.exec(logical.text)!;
  const name = found[1]!.toLowerCase();
  const split = Object.hasOwn(splits, name) ? splits[name]! : undefined;
  if (split === undefined) throw unknownInstruction(found[1]!, logical);
  try {
    const { flags, rest } = leadingFlags(found[2] ?? "");
    const { words, isJson = false } = split(rest, escape, name.toUpperCase());
    const { text, line, endLine, heredocs } = logical;
    const own = { name, flags, original: text.trim(), words, isJson, heredocs, line, endLine };
    if (name !== "onbuild") return own;
    if (rest === "") throw malformed("ONBUILD requires at least one argument");
    return { ...own, trigger: instructionOf({ ...logical, text: rest }, escape) };
  } catch (thrown) {
    throw atLine(thrown, logical.line);
  }
}

/** Says where, once. */
export function atLine(thrown: unknown, line: number): unknown {
  if (!(thrown instanceof Error) || (thrown as { code?: string }).code !== "containerfile.malformed" || / line \d+/.test(thrown.message)) return thrown;
  const hint = (thrown as { hint?: string }).hint;
  return malformed(`${thrown.message} (line ${line})`, hint);
}

function unknownInstruction(word: string, { line, text }: LogicalLine): Error {
  const column = text.indexOf(word) + 1;
  const near = nearest(word.toLowerCase());
  const meant = near === undefined ? `use one of ${instructionNames.map(name => name.toUpperCase()).join(", ")}` : `write ${near.toUpperCase()}`;
  return malformed(`Build error: Unknown instruction: ${JSON.stringify(word.toUpperCase())} in line ${line}, column ${column}`, meant);
}

function nearest(word: string): string | undefined {
  const ranked = instructionNames.map(name => ({ name, distance: distance(word.slice(0, 32), name) })).sort((a, b) => a.distance - b.distance);
  return ranked[0]!.distance <= 2 ? ranked[0]!.name : undefined;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
