// Writes what is generated of the documentation and kept: docs/podman-parity.md and docs/reference/NAME.md.
// Usage: bun tools/reference.ts [--out DIR]     to DIR (default docs) from the declarations, and from docs/data/podman-5.8.6.tsv: command, option, takes a value

import * as fs from "node:fs";
import * as path from "node:path";
import { isGroup, type AnyVerb, type Contents, type Entry, type Group, type Persona } from "../src/cli/command.ts";
import { flagName, type FlagTable } from "../src/cli/flag.ts";
import { findEntry } from "../src/cli/program.ts";
import { verbHelp } from "../src/cli/help.ts";
import { buildah } from "../src/commands/buildah.ts";
import { podman } from "../src/commands/podman.ts";
import { skopeo } from "../src/commands/skopeo.ts";
import type { Invocation } from "../src/commands/verb.ts";

const docs = path.resolve(import.meta.dir, "../docs");
type Verb = AnyVerb<Invocation>;

interface Row {
  readonly command: string;
  /** "-a, --all"; "" for the command itself. */
  readonly option: string;
}

function readRows(): Row[] {
  const lines = fs.readFileSync(path.join(docs, "data/podman-5.8.6.tsv"), "utf8").trim().split("\n").slice(1);
  return lines.map(line => {
    const [command = "", option = ""] = line.split("\t");
    return { command, option };
  });
}

type Found = { readonly verb: Verb; readonly entry: Entry<Invocation> } | { readonly group: Group<Invocation> } | undefined;

async function findCommand(contents: Contents<Invocation>, words: readonly string[]): Promise<Found> {
  const [first, ...rest] = words;
  const found = first === undefined ? undefined : findEntry(contents, first)?.entry;
  if (found === undefined) return undefined;
  if (!isGroup(found)) return rest.length > 0 ? undefined : { verb: (await found[1]()).default, entry: found };
  return rest.length === 0 ? { group: found } : findCommand(found.contents, rest);
}

const refusal = (verb: Verb): string | undefined => /^Not in this build: ([^]*)\.$/.exec(verb.about)?.[1];

/** "done", or why not. */
function stateOf(flags: FlagTable, option: string): string {
  const long = /--([\w-]+)/.exec(option)?.[1];
  const short = /^-(\w)\b/.exec(option)?.[1];
  for (const [key, flag] of Object.entries(flags)) {
    const names = [flagName(key), ...(flag.aliases ?? [])];
    if (long === undefined ? flag.short !== short : !names.includes(long)) continue;
    return flag.refused ?? "done";
  }
  return long === "help" ? "done" : "not yet";
}

interface Judged {
  readonly option: string;
  readonly state: string;
}

async function judge(persona: Persona<Invocation>, rows: readonly Row[]): Promise<Map<string, Judged[]>> {
  const commands = Map.groupBy(rows, ({ command }) => command);
  const judged = new Map<string, Judged[]>();
  for (const [command, own] of commands) {
    const found = command === "(global)" ? undefined : await findCommand(persona.contents, command.split(" "));
    const flags = command === "(global)" ? persona.globals : found && "verb" in found ? found.verb.flags : undefined;
    const why = found && "verb" in found ? refusal(found.verb) : undefined;
    judged.set(command, own.map(({ option }) => {
      if (command !== "(global)" && found === undefined) return { option, state: "not yet" };
      if (why !== undefined) return { option, state: why };
      return { option, state: option === "" || !flags ? "done" : stateOf(flags, option) };
    }));
  }
  return judged;
}

function parityText(judged: ReadonlyMap<string, readonly Judged[]>): string {
  const all = [...judged.values()].flat();
  const count = (is: (state: string) => boolean): number => all.filter(({ state }) => is(state)).length;
  const name = (option: string): string => option === "" ? "the command" : `\`${option}\``;
  const lines = [...judged].map(([command, rows]) => {
    const done = rows.filter(({ state, option }) => state === "done" && option !== "").map(({ option }) => name(option));
    const other = Map.groupBy(rows.filter(({ state }) => state !== "done"), ({ state }) => state);
    const missing = [...other].map(([state, list]) => `${state}: ${list.map(({ option }) => name(option)).join(" ")}`);
    return `| ${command} | ${rows[0]!.option === "" && rows[0]!.state === "done" ? "the command" : ""} ${done.join(" ")} | ${missing.join("; ")} |`;
  });
  return `# Podman's command line, row by row

Made by \`make docs\` from the declarations of the verbs; the rows are those of podman 5.8.6, its virtual machines apart.
${all.length} rows: ${count(state => state === "done")} done, ${count(state => state === "not yet")} not yet, ${count(state => state !== "done" && state !== "not yet")} refused by name with the reason.

| command | done | not done, and why |
|---|---|---|
${lines.map(line => line.replace(/ +/g, " ")).join("\n")}
`;
}

async function referenceText(persona: Persona<Invocation>): Promise<string> {
  const parts = [`# ${persona.name}\n\n${persona.about}. Made by \`make docs\` from the declarations; the same pages are printed by \`--help\`.\n`];
  const visit = async (contents: Contents<Invocation>, words: readonly string[]): Promise<void> => {
    for (const name of Object.keys(contents).sort()) {
      const entry = contents[name]!;
      const at = [...words, name];
      if (isGroup(entry)) {
        if (!entry.hidden) await visit(entry.contents, at);
      } else if (!entry[2]?.hidden && name !== "help") {
        const { default: verb } = await entry[1]();
        parts.push(`## ${at.join(" ")}\n\n\`\`\`\n${verbHelp(verb, { path: at.join(" "), summary: entry[0], aliases: entry[2]?.aliases }).trim()}\n\`\`\`\n`);
      }
    }
  };
  await visit(persona.contents, [persona.name]);
  return parts.join("\n").replace(/[ \t]+$/gm, "");
}

async function main(): Promise<void> {
  // Help shows defaults of containers.conf: those of no machine are meant.
  process.env["CONTAINERS_CONF"] = "/dev/null";
  delete process.env["CONTAINERS_CONF_OVERRIDE"];
  const at = process.argv.indexOf("--out");
  const out = at < 0 ? docs : path.resolve(process.argv[at + 1] ?? "docs");
  fs.mkdirSync(out, { recursive: true });
  const judged = await judge(podman(), readRows());
  fs.writeFileSync(path.join(out, "podman-parity.md"), parityText(judged));
  fs.mkdirSync(path.join(out, "reference"), { recursive: true });
  for (const persona of [podman(), buildah(), skopeo() as unknown as Persona<Invocation>]) fs.writeFileSync(path.join(out, "reference", `${persona.name}.md`), await referenceText(persona));
}

await main();
