// The text files of a policy: file contexts and path substitutions, and which context a path gets from them.
// Source: selabel_file(5), file_contexts.subs(5).

import type { FileContext } from "./label-source.ts";

const lineMax = 4096;

/** `EXPRESSION [-KIND] CONTEXT` a line; what is no such line is left out, as libselinux does with a warning. */
export function readFileContexts(text: string): FileContext[] {
  const found: FileContext[] = [];
  for (const line of text.split("\n")) {
    if (line.length > lineMax || line.startsWith("#")) continue;
    const words = line.trim().split(/\s+/);
    const [expression, second, third] = words;
    if (!expression?.startsWith("/") && !expression?.startsWith("(")) continue;
    const context = words.length === 2 ? second : /^-[bcdpls-]$/.test(second ?? "") ? third : undefined;
    if (context === undefined) continue;
    const type = context === "<<none>>" ? undefined : context.split(":")[2];
    if (type !== undefined && !/^[A-Za-z_][\w.-]*$/.test(type)) continue;
    found.push({ expression, type });
  }
  return found;
}

/** `FROM TO` a line: paths under FROM are looked up as if under TO. */
export function readSubstitutions(text: string): [from: string, to: string][] {
  return text.split("\n").flatMap(line => {
    const [from, to] = line.trim().split(/\s+/);
    return from?.startsWith("/") && to?.startsWith("/") ? [[from.replace(/(.)\/$/, "$1"), to === "/" ? "" : to] as [string, string]] : [];
  });
}

/** @param lists each a file's substitutions, first the machine's own, then the policy's; the first that fits in each is used */
export function substitute(path: string, lists: readonly (readonly [from: string, to: string])[][]): string {
  let found = path.length > 1 ? path.replace(/\/+$/, "") || "/" : path;
  for (const list of lists) {
    const fit = list.find(([from]) => found === from || found.startsWith(`${from}/`));
    if (fit) found = `${fit[1]}${found.slice(fit[0].length)}` || "/";
  }
  return found;
}

/** The last that matches wins, one without special letters before all others; undefined for none and for <<none>>. */
export function lookupType(contexts: readonly FileContext[], path: string): string | undefined {
  let last: FileContext | undefined;
  for (let index = contexts.length - 1; index >= 0; index--) {
    const context = contexts[index]!;
    if (isLiteral(context.expression)) {
      if (unescaped(context.expression) === path) return context.type;
    } else if (last === undefined && mayMatch(context.expression, path) && matches(context.expression, path)) last = context;
  }
  return last?.type;
}

const isLiteral = (expression: string): boolean => !/[.^$?*+|[({]/.test(expression.replace(/\\./g, ""));
const unescaped = (expression: string): string => expression.replace(/\\(.)/g, "$1");

/** Whether the letters before the first special one begin the path: most expressions end here, uncompiled. */
function mayMatch(expression: string, path: string): boolean {
  const stem = /^(?:[^\\.^$?*+|[({]|\\.)*/.exec(expression)![0];
  const next = expression[stem.length];
  // A letter that is counted or one of several branches need not be there.
  const sure = next === "|" ? "" : next === "?" || next === "*" || next === "{" ? stem.replace(/(\\.|.)$/, "") : stem;
  return path.startsWith(unescaped(sure)) || expression.includes("|", stem.length) && !expression.includes("(");
}

function matches(expression: string, path: string): boolean {
  try {
    return new RegExp(`^(?:${expression})$`, "s").test(path);
  } catch {
    // Of PCRE's grammar some is not JavaScript's; no policy known uses it.
    return false;
  }
}
