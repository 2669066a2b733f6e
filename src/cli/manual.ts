// Manual pages from declarations: one for the program, one for each verb and group.
// Source: man-pages(7), groff_man(7).

import { isGroup, type AnyVerb, type Contents, type Entry, type Group, type Persona } from "./command.ts";
import { flagName, type Flag, type FlagTable } from "./flag.ts";
import { visibleNames } from "./help.ts";

export interface Page {
  /** "podman-container-rm.1". */
  readonly file: string;
  readonly roff: string;
}

export interface Edition {
  /** "2026-11-23". */
  readonly date: string;
  /** "Coracle 0.1.0". */
  readonly source: string;
}

/** Every page of a program; loads every verb. */
export async function manualPages<C>(persona: Persona<C>, edition: Edition): Promise<Page[]> {
  const pages = [programPage(persona, edition)];
  await addPages(pages, { contents: persona.contents, path: [persona.name], edition });
  return pages;
}

interface Place<C> {
  readonly contents: Contents<C>;
  readonly path: readonly string[];
  readonly edition: Edition;
}

async function addPages<C>(pages: Page[], place: Place<C>): Promise<void> {
  for (const [name] of visibleNames(place.contents)) {
    const entry = place.contents[name]!;
    const path = [...place.path, name];
    if (isGroup(entry)) {
      pages.push(groupPage(entry, path, place.edition));
      await addPages(pages, { ...place, contents: entry.contents, path });
    } else if (name !== "help") pages.push(await verbPage(entry, path, place.edition));
  }
}

function programPage<C>(persona: Persona<C>, edition: Edition): Page {
  const sections = [
    section("SYNOPSIS", `\\fB${persona.name}\\fR [\\fIoptions\\fR] \\fIcommand\\fR`),
    section("DESCRIPTION", `${sentence(persona.about)}`),
    section("OPTIONS", flagEntries(persona.globals)),
    section("COMMANDS", commandEntries(persona.contents, persona.name)),
    section("EXIT STATUS", exitEntries({})),
  ];
  return page([persona.name], persona.about, { sections, edition });
}

function groupPage<C>(group: Group<C>, path: readonly string[], edition: Edition): Page {
  const sections = [
    section("SYNOPSIS", `\\fB${path.join(" ")}\\fR \\fIsubcommand\\fR`),
    section("DESCRIPTION", sentence(group.about ?? group.summary)),
    section("COMMANDS", commandEntries(group.contents, path.join("-"))),
  ];
  return page(path, group.summary, { sections, edition });
}

async function verbPage<C>(entry: Entry<C>, path: readonly string[], edition: Edition): Promise<Page> {
  const [summary, load, listing] = entry;
  const { default: verb } = await load();
  const options = flagEntries(verb.flags as FlagTable);
  const called = [path, ...(listing?.aliases ?? []).map((alias) => [...path.slice(0, -1), alias])];
  const synopsis = called.map((words) => `\\fB${words.join(" ")}\\fR ${escape(verb.usage)}`.trim()).join("\n.br\n");
  const sections = [
    section("SYNOPSIS", synopsis),
    section("DESCRIPTION", sentence(verb.about || summary)),
    ...(options === "" ? [] : [section("OPTIONS", options)]),
    ...(verb.exits === undefined ? [] : [section("EXIT STATUS", exitEntries(verb.exits))]),
    ...(verb.examples?.length ? [section("EXAMPLES", exampleEntries(verb))] : []),
    section("SEE ALSO", `\\fB${path[0]}\\fR(1)`),
  ];
  return page(path, summary, { sections, edition });
}

function page(path: readonly string[], summary: string, body: { sections: string[]; edition: Edition }): Page {
  const name = path.join("-");
  const { date, source } = body.edition;
  const head = `.TH "${name.toUpperCase()}" "1" "${date}" "${source}" "User Commands"\n`;
  const title = section("NAME", `${name} \\- ${escape(summary)}`);
  return { file: `${name}.1`, roff: head + title + body.sections.join("") };
}

const section = (title: string, body: string): string => `.SH "${title}"\n${body.trimEnd()}\n`;

function sentence(text: string): string {
  const plain = escape(text).replace(/\n+/g, "\n.PP\n");
  return /[.:)]$/.test(plain) ? plain : `${plain}.`;
}

function flagEntries(table: FlagTable): string {
  const keys = Object.keys(table).filter((key) => !table[key]!.hidden && !table[key]!.deprecated);
  return keys
    .sort((a, b) => (flagName(a) < flagName(b) ? -1 : 1))
    .map((key) => flagEntry(key, table[key]!))
    .join("");
}

function flagEntry(key: string, flag: Flag<unknown>): string {
  const long = `\\fB\\-\\-${escape(flagName(key))}\\fR`;
  const short = flag.short ? `\\fB\\-${escape(flag.short)}\\fR, ` : "";
  const value = flag.value === "" ? "" : flag.bare === undefined ? `=\\fI${escape(flag.value)}\\fR` : `[=\\fI${escape(flag.value)}\\fR]`;
  const fallback = flag.shown === undefined ? "" : ` The default is ${escape(flag.shown)}.`;
  return `.TP\n${short}${long}${value}\n${sentence(flag.help)}${fallback}\n`;
}

function commandEntries<C>(contents: Contents<C>, before: string): string {
  return visibleNames(contents)
    .map(([name, summary]) => `.TP\n\\fB${escape(`${before}-${name}`)}\\fR(1)\n${sentence(summary)}\n`)
    .join("");
}

function exitEntries(exits: Partial<Readonly<Record<string, number>>>): string {
  const own = Object.entries(exits).map(([code, status]) => [String(status), code.replace(/[.-]/g, " ")] as const);
  const usual = [["0", "Success."], ["125", "The command itself failed."]] as const;
  return [...usual, ...own].map(([status, why]) => `.TP\n\\fB${status}\\fR\n${sentence(why)}\n`).join("");
}

function exampleEntries<C>(verb: AnyVerb<C>): string {
  return `.nf\n${verb.examples!.map((line) => `$ ${escape(line)}`).join("\n")}\n.fi`;
}

/** Text that roff prints as it stands. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/gm, "\\&$1");
}
