// How a line's arguments are split: words with quotes and escapes, NAME=VALUE pairs, JSON arrays, flags.
// Source: Dockerfile reference, "Shell and exec form", "ENV", "LABEL".

import { malformed } from "./lines.ts";

const space = /[\t\v\f\r ]+/;

export const spaceSplit = (text: string): string[] => (text === "" ? [] : text.split(space));

/** At white space outside quotes; quotes and escapes stay, for the expansion to take away. */
export function quotedWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word = "";
  let hasWord = false;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const one = text[at]!;
    if (quote === "" && /\s/.test(one)) {
      if (hasWord) words.push(word);
      word = "";
      hasWord = false;
      continue;
    }
    hasWord = true;
    if (one === escape && quote !== "'") {
      if (at + 1 === text.length) break;
      word += one + text[++at]!;
      continue;
    }
    if (quote === "" && (one === "'" || one === '"')) quote = one;
    else if (one === quote) quote = "";
    word += one;
  }
  if (hasWord && word !== "") words.push(word);
  return words;
}

/** NAME=VALUE …, or the old NAME VALUE: name, value, name, value, … @throws Fault "containerfile.malformed" */
export function pairs(text: string, escape: string, instruction: string): string[] {
  const words = quotedWords(text, escape);
  if (words.length === 0) return [];
  if (!words[0]!.includes("=")) {
    const found = /^(\S+)[\t\v\f\r ]+([\s\S]*)$/.exec(text);
    if (found === null) throw malformed(`${instruction} must have two arguments`, `write it as ${instruction} NAME=VALUE`);
    return [found[1]!, found[2]!];
  }
  return words.flatMap(word => {
    const equals = word.indexOf("=");
    if (equals < 0) throw malformed(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** undefined where it is no JSON array. @throws Fault "containerfile.malformed" for an array of other things than texts */
export function jsonWords(text: string): string[] | undefined {
  const trimmed = text.trimStart();
  if (!trimmed.startsWith("[")) return undefined;
  const list = firstJson(trimmed);
  if (!Array.isArray(list)) return undefined;
  if (list.every(one => typeof one === "string")) return list;
  throw malformed("when using JSON array syntax, arrays must be comprised of strings only");
}

function firstJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Flags at the start, and where the rest begins. */
export function leadingFlags(text: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text[at]!)) at++;
    if (!text.startsWith("--", at)) return { flags, rest: text.slice(at) };
    const { word, end } = flagWord(text, at);
    at = end;
    if (word === "--") return { flags, rest: text.slice(at).trimStart() };
    flags.push(word);
  }
}

function flagWord(text: string, start: number): { word: string; end: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at++) {
    const one = text[at]!;
    if (quote === "" && /\s/.test(one)) break;
    if (one === "\\" && at + 1 < text.length) word += text[++at];
    else if (quote === "" && (one === "'" || one === '"')) quote = one;
    else if (one === quote) quote = "";
    else word += one;
  }
  return { word, end: at };
}
