// Ignore files: which paths of a context a COPY or ADD does not see.
// Source: Dockerfile reference, ".dockerignore file"; containerignore(5).

import { Fault } from "../base/fault.ts";
import { isAnyButSlash, isCharacter } from "../base/go-glob.ts";
import { textPattern, type Part, type TextPattern } from "../base/text-pattern.ts";

export interface IgnoreRules {
  /** The patterns as they were written, cleaned. */
  readonly patterns: readonly string[];
  /** Whether the path, relative and without a leading slash, is left out. */
  excludes(path: string): boolean;
  /** Whether something below a directory that is left out may still be in. */
  mayIncludeBelow(path: string): boolean;
}

const patternsMax = 100_000;

/** The patterns of an ignore file's text. */
export function ignorePatterns(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  if (lines.length > patternsMax) throw new Fault("input.too-large", `cannot read the ignore file: more than ${patternsMax} lines`);
  return lines.flatMap(line => {
    if (line.startsWith("#")) return [];
    const trimmed = line.trim();
    if (trimmed === "") return [];
    const isException = trimmed.startsWith("!");
    const pattern = isException ? trimmed.slice(1).trim() : trimmed;
    if (pattern === "") return [];
    const clean = cleanPattern(pattern);
    return [isException ? `!${clean}` : clean];
  });
}

/** As filepath.Clean has it, and relative. */
function cleanPattern(pattern: string): string {
  const kept: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (part !== "..") kept.push(part);
    else if (!pattern.startsWith("/")) kept.push(part);
  }
  return kept.join("/") || ".";
}

interface Rule {
  readonly matches: TextPattern;
  readonly isException: boolean;
  readonly pattern: string;
}

/** @throws Fault "input.malformed" for a pattern that is none */
export function ignoreRules(patterns: readonly string[]): IgnoreRules {
  const rules = patterns.map(readRule);
  const exceptions = rules.filter(({ isException }) => isException);
  const excludes = (path: string): boolean => {
    if (rules.length === 0) return false;
    const parents = prefixes(path);
    let isExcluded = false;
    for (const { matches, isException } of rules) {
      if (isException !== isExcluded) continue;
      if (parents.some(parent => matches.test(parent))) isExcluded = !isException;
    }
    return isExcluded;
  };
  return { patterns, excludes, mayIncludeBelow: path => exceptions.some(rule => mayLieBelow(rule, path)) };
}

export const noRules: IgnoreRules = { patterns: [], excludes: () => false, mayIncludeBelow: () => false };

/** The path and all directories above it. */
function prefixes(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

function readRule(written: string): Rule {
  const isException = written.startsWith("!");
  const pattern = cleanPattern(isException ? written.slice(1) : written);
  return { isException, matches: patternExpression(pattern), pattern };
}

/** By its text alone, as Docker looks; one that begins with "**" may lie anywhere. */
function mayLieBelow({ pattern }: Rule, directory: string): boolean {
  return pattern.startsWith("**") || pattern.startsWith(`${directory}/`);
}

/** "**" spans directories, all else stays within one name. */
export function patternExpression(pattern: string): TextPattern {
  const parts: Part[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const one = characters[at]!;
    if (one === "*" && characters[at + 1] === "*") {
      at++;
      if (characters[at + 1] === "/") at++;
      parts.push(at + 1 >= characters.length ? "all" : "folders");
    } else if (one === "*") parts.push("name");
    else if (one === "?") parts.push(isAnyButSlash);
    else if (one === "\\") {
      if (at + 1 >= characters.length) throw malformedPattern(pattern);
      parts.push(isCharacter(characters[++at]!));
    } else if (one === "[") {
      const set = setAt(pattern, characters, at);
      parts.push(set.part);
      at = set.end;
    } else parts.push(isCharacter(one));
  }
  return textPattern(parts);
}

/** Up to the first bracket that nothing escapes. */
function setAt(pattern: string, characters: readonly string[], start: number): { part: Part; end: number } {
  let end = start + 1;
  while (end < characters.length && characters[end] !== "]") end += characters[end] === "\\" ? 2 : 1;
  const inner = characters.slice(start + 1, end).join("");
  // Where the others see an error, this language sees a set of no characters.
  if (end >= characters.length || inner === "" || inner === "^") throw malformedPattern(pattern);
  try {
    const set = new RegExp(`^[${inner.replaceAll("[", "\\[")}]$`, "s");
    return { part: character => set.test(character), end };
  } catch (cause) {
    throw malformedPattern(pattern, cause);
  }
}

const malformedPattern = (pattern: string, cause?: unknown): Fault =>
  new Fault("input.malformed", `cannot match ${JSON.stringify(pattern)}: syntax error in pattern`, { cause, hint: "correct it in the ignore file" });
