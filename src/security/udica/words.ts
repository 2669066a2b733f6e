// Words that may stand in a policy: what is checked here cannot break out of the S-expression it is put in.
// Source: SELinux CIL reference guide, "Declarations".

import { Fault } from "../../base/fault.ts";

/** Blocks of the templates: a policy of that name would inherit from itself. */
const taken = new Set([
  "container", "net_container", "restricted_net_container", "virt_container", "tty_container", "x_container",
  ...["log", "home", "tmp", "config"].flatMap(part => [`${part}_container`, `${part}_rw_container`, `${part}_manage_container`]),
]);

/** A name of a block, a module and a file. @throws Fault "usage.invalid" */
export function checkModuleName(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,127}$/.test(name)) {
    throw new Fault("usage.invalid", `the name ${shown(name)} cannot be the name of a policy: it must begin with a letter and go on with at most 127 letters, digits, "_" or "-"`);
  }
  if (taken.has(name)) throw new Fault("usage.invalid", `the name ${shown(name)} cannot be the name of a policy: a template has it`);
  return name;
}

/** A type, class, permission or capability, dots of blocks included. @throws Fault "usage.invalid" */
export function checkWord(word: string, what: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/.test(word)) return word;
  throw new Fault("usage.invalid", `${shown(word)} cannot be ${what} in a policy`);
}

/** One line, whatever the text holds, and not long. */
export const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
