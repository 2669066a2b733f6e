// A line as a shell splits it into words: blanks, quotes, backslashes; nothing is expanded.

import { refuse } from "./refuse.ts";

/** @throws Fault "usage.invalid" for a quote that is left open */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const mark = line[at]!;
    if (quote === "" && /\s/.test(mark)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (mark === quote) quote = "";
    else if (quote === "" && (mark === '"' || mark === "'")) {
      quote = mark;
      word ??= "";
    } else if (mark === "\\" && quote !== "'") word = (word ?? "") + (line[++at] ?? "");
    else word = (word ?? "") + mark;
  }
  if (quote !== "") throw refuse(`cannot read the command: a ${quote} is left open`);
  return word === undefined ? words : [...words, word];
}
