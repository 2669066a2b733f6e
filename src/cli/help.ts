// --help: a verb's or a table's page, laid out as podman's.
// Source: podman's help template and pflag's FlagUsages, by their results.

import { isGroup, type AnyVerb, type Contents, type Group, type Persona } from "./command.ts";
import { flagName, type Flag, type FlagTable } from "./flag.ts";

export interface Named {
  /** "podman image list". */
  readonly path: string;
  readonly summary: string;
  readonly aliases?: readonly string[];
}

/** The page of one verb. */
export function verbHelp<C>(verb: AnyVerb<C>, named: Named): string {
  const options = flagLines(verb.flags as FlagTable);
  const parts = [`${named.summary}\n`, `Description:\n  ${verb.about}\n`];
  parts.push(`Usage:\n  ${[named.path, verb.usage].filter(Boolean).join(" ")}\n`);
  if (named.aliases?.length) {
    const own = named.path.slice(named.path.lastIndexOf(" ") + 1);
    parts.push(`Aliases:\n  ${[own, ...named.aliases].join(", ")}\n`);
  }
  if (verb.examples?.length) parts.push(`Examples:\n  ${verb.examples.join("\n  ")}\n`);
  // As the usage calls them, which is cobra's word where a program does not choose its own.
  if (options !== "") parts.push(`${verb.usage?.includes("[flags]") ? "Flags" : "Options"}:\n${options}`);
  return `${parts.join("\n")}\n`;
}

/** The page of a group of verbs. */
export function groupHelp<C>(group: Group<C>, path: string): string {
  const about = group.about ?? group.summary;
  return `${group.summary}\n\nDescription:\n  ${about}\n\nUsage:\n  ${path} [command]\n\n${commandLines(group.contents)}\n`;
}

/** The page of the whole program. @param hidden keys of options not to show */
export function personaHelp<C>(persona: Persona<C>, hidden: ReadonlySet<string> = new Set()): string {
  return `${persona.about}\n\n${personaUsage(persona, hidden)}`;
}

export function personaUsage<C>(persona: Persona<C>, hidden: ReadonlySet<string> = new Set()): string {
  const shown = Object.fromEntries(Object.entries(persona.globals).filter(([key]) => !hidden.has(key)));
  const usage = `Usage:\n  ${persona.name} [options] [command]\n`;
  return `${usage}\n${commandLines(persona.contents)}\nOptions:\n${flagLines(shown)}\n`;
}

function commandLines<C>(contents: Contents<C>): string {
  const rows = visibleNames(contents);
  const width = Math.max(11, ...rows.map(([name]) => name.length));
  return `Available Commands:\n${rows.map(([name, summary]) => `  ${name.padEnd(width)} ${summary}\n`).join("")}`;
}

/** Names and summaries, sorted, without the hidden ones. */
export function visibleNames<C>(contents: Contents<C>): [name: string, summary: string][] {
  const rows: [string, string][] = [];
  for (const name of Object.keys(contents).sort()) {
    const entry = contents[name];
    if (entry === undefined) continue;
    if (isGroup(entry)) {
      if (!entry.hidden) rows.push([name, entry.summary]);
    } else if (!entry[2]?.hidden) rows.push([name, entry[0]]);
  }
  return rows;
}

/** One line a flag, sorted by name, the texts in one column. "" when there is none to show. */
export function flagLines(table: FlagTable): string {
  const rows: [head: string, text: string][] = [];
  for (const key of Object.keys(table).sort((a, b) => (flagName(a) < flagName(b) ? -1 : 1))) {
    const flag = table[key];
    if (flag !== undefined && !flag.hidden && !flag.deprecated) rows.push([flagHead(key, flag), flagText(flag)]);
  }
  const width = Math.max(0, ...rows.map(([head]) => head.length));
  const indent = " ".repeat(width + 3);
  return rows.map(([head, text]) => `${head.padEnd(width)}   ${text.replaceAll("\n", `\n${indent}`)}\n`).join("");
}

function flagHead(key: string, flag: Flag<unknown>): string {
  const name = flag.short ? `  -${flag.short}, --${flagName(key)}` : `      --${flagName(key)}`;
  const value = flag.value === "" ? "" : ` ${flag.value}`;
  return name + value + bareHead(flag);
}

function bareHead(flag: Flag<unknown>): string {
  if (flag.bare === undefined) return "";
  if (flag.value === "") return flag.bare === "true" ? "" : `[=${flag.bare}]`;
  return flag.value === "string" ? `[="${flag.bare}"]` : `[=${flag.bare}]`;
}

function flagText(flag: Flag<unknown>): string {
  return flag.shown === undefined ? flag.help : `${flag.help} (default ${flag.shown})`;
}
