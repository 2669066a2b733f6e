// A line split into words as a shell does, without expanding anything.

import { refuse } from "../container/written/refuse.ts";

/** @param option named when a quote is left open. @throws Fault "usage.invalid" */
export function shellWords(line: string, option: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (letter === "\\" && quote !== "'") word = (word ?? "") + (line[++at] ?? "");
    else if (quote !== "") {
      if (letter === quote) quote = "";
      else word += letter;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (quote !== "") throw refuse(`parsing ${option} ${JSON.stringify(line)}: invalid command line string`);
  return word === undefined ? words : [...words, word];
}
