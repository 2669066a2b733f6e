// Answers a shell that completes a line: `podman __complete WORDS… WORD` as cobra's scripts ask it.
// Source: cobra's shell completion protocol: lines "word\tdescription", then ":DIRECTIVE".

import type { AnyVerb, Contents, Entry, Group, Persona } from "./command.ts";
import type { Completer, Suggestions } from "./complete.ts";
import { flagName, type Flag } from "./flag.ts";
import { visibleNames } from "./help.ts";
import { writeErr, writeOut } from "./output.ts";
import { openScope, narrowed, parseLine, type Line, type Scope } from "./parse.ts";
import { findPlace, type Hooks } from "./program.ts";

const directives = { default: 0, noSpace: 2, noFiles: 4 } as const;

interface Answer {
  readonly words: readonly string[];
  readonly directive: number;
}

interface Asked<C> {
  readonly persona: Persona<C>;
  readonly hooks: Hooks<C>;
  readonly globals: Scope;
  readonly argv: readonly string[];
  readonly word: string;
  readonly path: string;
}

/** Never fails: a line that cannot be read gets no suggestions. @returns the exit status */
export async function completeLine<C>(persona: Persona<C>, argv: readonly string[], hooks: Hooks<C>): Promise<number> {
  const withText = argv[1] === "__complete";
  let answer: Answer;
  try {
    answer = await answerFor(persona, argv, hooks);
  } catch (error) {
    writeErr(`[Debug] [Error] ${(error as Error).message.split("\n")[0]}\n`);
    answer = { words: [], directive: directives.default };
  }
  for (const word of answer.words) {
    const line = (withText ? word : word.split("\t", 1)[0]!).split("\n", 1)[0]!.trim();
    writeOut(`${line}\n`);
  }
  writeOut(`:${answer.directive}\n`);
  writeErr(`Completion ended with directive: ${directiveNames(answer.directive)}\n`);
  return 0;
}

function directiveNames(directive: number): string {
  const names: string[] = [];
  if (directive & directives.noSpace) names.push("ShellCompDirectiveNoSpace");
  if (directive & directives.noFiles) names.push("ShellCompDirectiveNoFileComp");
  return names.join(", ") || "ShellCompDirectiveDefault";
}

async function answerFor<C>(persona: Persona<C>, argv: readonly string[], hooks: Hooks<C>): Promise<Answer> {
  const word = argv.at(-1) ?? "";
  const words = argv.slice(2, -1);
  const globals = openScope(persona.globals);
  const place = findPlace(persona, words, globals);
  const asked = { persona, hooks, globals, argv, word, path: place.path };
  if (!Array.isArray(place.node)) return inTable(asked, place.node as Group<C> | Persona<C>, place.rest);
  if (place.path === `${persona.name} help`) return inTable(asked, findPlace(persona, place.rest, globals).node as Group<C>, []);
  const { default: verb } = await (place.node as Entry<C>)[1]();
  return afterVerb(asked, verb, place.rest);
}

async function inTable<C>(asked: Asked<C>, node: Group<C> | Persona<C>, rest: readonly string[]): Promise<Answer> {
  const isRoot = node === asked.persona;
  const scopes = [isRoot ? asked.globals : narrowed(asked.globals, asked.persona.inherited)];
  const { line, pending } = readSoFar(rest, scopes, { path: asked.path, interspersed: true });
  const flag = pending ?? writtenFlag(asked.word, scopes);
  if (flag !== undefined) return flagValue(asked, undefined, { flag, line, scope: scopes[0]! });
  if (asked.word.startsWith("-")) return isRoot ? flagNames(asked.word, scopes[0]!) : none();
  if (line.operands.length > 0) return none();
  return { words: tableWords(node.contents, asked.word), directive: directives.noFiles };
}

function tableWords<C>(contents: Contents<C>, word: string): string[] {
  return visibleNames(contents)
    .filter(([name]) => name.startsWith(word))
    .map(([name, summary]) => `${name}\t${summary}`);
}

async function afterVerb<C>(asked: Asked<C>, verb: AnyVerb<C>, rest: readonly string[]): Promise<Answer> {
  const scope = openScope(verb.flags);
  const scopes = [scope, narrowed(asked.globals, asked.persona.inherited)];
  const { line, pending } = readSoFar(rest, scopes, { path: asked.path, interspersed: verb.interspersed ?? true });
  const takesFlags = !rest.includes("--") && (verb.interspersed !== false || line.operands.length === 0);
  const flag = pending ?? (takesFlags ? writtenFlag(asked.word, scopes) : undefined);
  if (flag !== undefined) return flagValue(asked, verb, { flag, line, scope });
  if (takesFlags && asked.word.startsWith("-")) return flagNames(asked.word, scope);
  return suggested(asked, verb, { complete: verb.operands.complete, word: asked.word, line, scope });
}

/** Reads the words before the last; a flag at their end that still misses its value is `pending`. */
function readSoFar(
  words: readonly string[],
  scopes: readonly Scope[],
  reading: { path: string; interspersed: boolean },
): { line: Line; pending: Flag<unknown> | undefined } {
  try {
    return { line: parseLine(words, scopes, reading), pending: undefined };
  } catch (error) {
    const last = words.at(-1);
    if (last === undefined || !(error as Error).message.startsWith("flag needs an argument")) throw error;
    const line = parseLine(words.slice(0, -1), scopes, reading);
    const name = last.startsWith("--") ? last.slice(2) : undefined;
    const flag = findFlag(scopes, (key, found) => (name === undefined ? found.short === last.at(-1) : named(key, found, name)));
    return { line, pending: flag };
  }
}

/** The flag of a word such as "--sort=na". */
function writtenFlag(word: string, scopes: readonly Scope[]): Flag<unknown> | undefined {
  const name = /^--([^=]+)=/.exec(word)?.[1];
  return name === undefined ? undefined : findFlag(scopes, (key, flag) => named(key, flag, name));
}

function findFlag(
  scopes: readonly Scope[],
  fits: (key: string, flag: Flag<unknown>) => boolean,
): Flag<unknown> | undefined {
  for (const scope of scopes) {
    for (const key in scope.table) {
      const flag = scope.table[key]!;
      if ((scope.only === undefined || scope.only.has(key)) && fits(key, flag)) return flag;
    }
  }
  return undefined;
}

const named = (key: string, flag: Flag<unknown>, name: string): boolean =>
  flagName(key) === name || flag.aliases?.includes(name) === true;

function flagNames(word: string, scope: Scope): Answer {
  const words: string[] = [];
  for (const key of Object.keys(scope.table).sort((a, b) => (flagName(a) < flagName(b) ? -1 : 1))) {
    const flag = scope.table[key]!;
    const repeats = Array.isArray(flag.fallback);
    if (flag.hidden || flag.deprecated || (scope.given.has(key) && !repeats)) continue;
    const long = `--${flagName(key)}`;
    if (long.startsWith(word)) words.push(`${long}\t${flag.help}`);
    if (flag.short && `-${flag.short}`.startsWith(word)) words.push(`-${flag.short}\t${flag.help}`);
  }
  return { words, directive: directives.noFiles };
}

async function flagValue<C>(
  asked: Asked<C>,
  verb: AnyVerb<C> | undefined,
  at: { flag: Flag<unknown>; line: Line; scope: Scope },
): Promise<Answer> {
  const equals = /^--[^=]+=/.exec(asked.word);
  const word = equals === null ? asked.word : asked.word.slice(equals[0].length);
  return suggested(asked, verb, { complete: at.flag.complete, word, line: at.line, scope: at.scope });
}

async function suggested<C>(
  asked: Asked<C>,
  verb: AnyVerb<C> | undefined,
  at: { complete: Completer | undefined; word: string; line: Line; scope: Scope },
): Promise<Answer> {
  if (at.complete === undefined) return none();
  const { persona, globals, path, argv, hooks } = asked;
  const context = verb && (await hooks.context({ persona, verb: { ...verb, needs: "host" }, globals, path, argv }));
  const found = await at.complete(at.word, { context, operands: at.line.operands, flags: at.scope.flags });
  const all: Suggestions = "words" in found ? found : { words: found };
  const words = all.asIs ? all.words : all.words.filter((word) => word.startsWith(at.word));
  if (all.files) return { words, directive: directives.default };
  return { words, directive: directives.noFiles | (all.open ? directives.noSpace : 0) };
}

const none = (): Answer => ({ words: [], directive: directives.noFiles });
