// Ignore files: which paths of a context a COPY or ADD does not see.
// Source: Dockerfile reference, ".dockerignore file"; containerignore(5).

import { Fault } from "../base/fault.ts";
import { regExpText } from "../base/go-glob.ts";

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
  readonly matches: RegExp;
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
export function patternExpression(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const one = pattern[at]!;
    if (one === "*" && pattern[at + 1] === "*") {
      at++;
      if (pattern[at + 1] === "/") at++;
      source += at + 1 >= pattern.length ? ".*" : "(.*/)?";
    } else if (one === "*") source += "[^/]*";
    else if (one === "?") source += "[^/]";
    else if (one === "\\") {
      if (at + 1 >= pattern.length) throw malformedPattern(pattern);
      source += regExpText(pattern[++at]!);
    } else if (one === "[" || one === "]") source += one;
    else if (one === "-" || one === "^") source += insideClass(source) ? one : regExpText(one);
    else source += regExpText(one);
  }
  // Where the others see an error, this language sees a set of no characters.
  if (/(?<!\\)\[\^?\]/.test(source)) throw malformedPattern(pattern);
  try {
    return new RegExp(`^${source}$`, "s");
  } catch (cause) {
    throw malformedPattern(pattern, cause);
  }
}

const insideClass = (source: string): boolean => source.lastIndexOf("[") > source.lastIndexOf("]");

const malformedPattern = (pattern: string, cause?: unknown): Fault =>
  new Fault("input.malformed", `cannot match ${JSON.stringify(pattern)}: syntax error in pattern`, { cause, hint: "correct it in the ignore file" });
