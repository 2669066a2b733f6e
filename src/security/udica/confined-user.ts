// The policy of a confined user: its user, role and range, and calls of the macros that give it rights; pure.
// Source: SELinux CIL reference guide, "User Statements", "Macro Statements".

import { Fault } from "../../base/fault.ts";
import macros from "./confined-user.json";
import { byCodePoint } from "./inspect.ts";
import { checkModuleName, shown } from "./words.ts";

export type Right = keyof typeof macros;
/** In the order in which their macros are called. */
export const rights = Object.keys(macros) as readonly Right[];

export interface ConfinedUser {
  readonly name: string;
  readonly rights: ReadonlySet<Right>;
  /** Such as "s0". */
  readonly level: string;
  /** Such as "s0-s0:c0.c1023". */
  readonly range: string;
}

/** @throws Fault "usage.invalid" for a name, level or range that no policy can hold */
export function confinedUserPolicy(user: ConfinedUser): string {
  const name = checkModuleName(user.name);
  if (!/^s\d{1,4}$/.test(user.level)) throw new Fault("usage.invalid", `${shown(user.level)} is no level such as "s0"`);
  const asked = rights.filter(right => user.rights.has(right));
  const definitions = new Set(asked.flatMap(right => macros[right].parameters.map(suffix => definition(name, suffix))));
  const head = `\n(user ${name}_u)\n(userrole ${name}_u ${name}_r)\n(userlevel ${name}_u (${user.level}))\n(userrange ${name}_u (${rangeOf(user.range)}))\n`;
  const calls = asked.map(right => `\n(call ${macros[right].macro} (${macros[right].parameters.map(suffix => name + suffix).join(" ")}))`);
  return [...definitions].sort(byCodePoint).join("\n") + head + calls.join("");
}

function definition(name: string, suffix: string): string {
  if (suffix === "_r") return `(role ${name}_r)`;
  return suffix === "_exec_content" ? `(boolean ${name}_exec_content true)` : `(type ${name}${suffix})`;
}

/** s0-s15:c0.c1023 → (s0 ) (s15 (range c0 c1023)) */
function rangeOf(range: string): string {
  const found = /^(s\d{1,4})(?:-(s\d{1,4}))?(?::(c\d{1,4}(?:[.,]c\d{1,4})*))?$/.exec(range);
  if (!found) throw new Fault("usage.invalid", `${shown(range)} is no range such as "s0-s0:c0.c1023"`);
  const [, low, high = low, categories] = found;
  return `(${low} ) (${high} ${categories === undefined ? "" : categoriesOf(categories)})`;
}

/** c0.c3 → (range c0 c3); c0,c5.c7 → (c0 (range c5 c7)) */
function categoriesOf(text: string): string {
  const sets = text.split(",").map(part => {
    const ends = part.split(".");
    if (ends.length > 2) throw new Fault("usage.invalid", `${shown(text)} are no categories such as "c0.c1023"`);
    return ends.length === 2 ? `(range ${ends[0]} ${ends[1]})` : part;
  });
  return sets.length === 1 && sets[0]!.startsWith("(") ? sets[0]! : `(${sets.join(" ")})`;
}
