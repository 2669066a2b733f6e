// Shell patterns as Go's path.Match has them: "*", "?", "[a-z]", "[^a]" and "\" never match a slash.
// Source: the documentation of Go's package path, "Match".

import { Fault } from "./fault.ts";
import { textPattern, type Part, type TextPattern } from "./text-pattern.ts";

export const hasGlob = (text: string): boolean => /[*?[\\]/.test(text);

const special = /[.*+?^${}()|[\]\\/-]/g;
const regExpText = (text: string): string => text.replace(special, "\\$&");

export const isCharacter = (wanted: string): Part => character => character === wanted;
export const isAnyButSlash: Part = character => character !== "/";

/** @throws Fault "input.malformed" for a pattern that is none */
export function globPattern(glob: string): TextPattern {
  const parts: Part[] = [];
  const characters = [...glob];
  for (let at = 0; at < characters.length; at++) {
    const one = characters[at]!;
    if (one === "*") parts.push("name");
    else if (one === "?") parts.push(isAnyButSlash);
    else if (one === "[") {
      const end = classEnd(characters, at);
      const inClass = new RegExp(`^${classSource(characters.slice(at + 1, end), glob)}$`, "su");
      parts.push(character => inClass.test(character));
      at = end;
    } else if (one === "\\") {
      at++;
      if (at >= characters.length) throw malformed(glob);
      parts.push(isCharacter(characters[at]!));
    } else parts.push(isCharacter(one));
  }
  return textPattern(parts);
}

const malformed = (glob: string): Fault =>
  new Fault("input.malformed", `cannot match ${JSON.stringify(glob)}: syntax error in pattern`, { hint: 'write "\\\\" before a character that shall stand for itself' });

function classEnd(characters: readonly string[], start: number): number {
  let at = start + 1;
  if (characters[at] === "^") at++;
  for (let first = true; at < characters.length; at++, first = false) {
    if (characters[at] === "\\") at++;
    else if (characters[at] === "]" && !first) return at;
  }
  throw malformed(characters.join(""));
}

function classSource(inner: readonly string[], glob: string): string {
  const negated = inner[0] === "^";
  let source = "";
  const body = negated ? inner.slice(1) : inner;
  for (let at = 0; at < body.length; at++) {
    const [low, next] = classCharacter(body, at, glob);
    at = next;
    if (body[at + 1] === "-" && at + 2 < body.length) {
      const [high, last] = classCharacter(body, at + 2, glob);
      if (low > high) throw malformed(glob);
      source += `${regExpText(low)}-${regExpText(high)}`;
      at = last;
    } else source += regExpText(low);
  }
  if (source === "") throw malformed(glob);
  return negated ? `[^/${source}]` : `(?!/)[${source}]`;
}

function classCharacter(body: readonly string[], at: number, glob: string): [string, number] {
  if (body[at] !== "\\") return [body[at]!, at];
  const escaped = body[at + 1];
  if (escaped === undefined) throw malformed(glob);
  return [escaped, at + 1];
}
