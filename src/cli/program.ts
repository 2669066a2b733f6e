// One program: finds the verb a line means, reads its flags, runs it, and turns faults into exit statuses.
// Source: cobra's command lookup and podman's root command, by their behaviour.

import { Fault } from "../base/fault.ts";
import { isGroup, type AnyVerb, type Contents, type Entry, type Group, type Persona } from "./command.ts";
import { flagName } from "./flag.ts";
import { editDistance, leadingFlags, narrowed, openScope, parseLine, type Scope, withoutSecrets } from "./parse.ts";
import { writeErr, writeOut } from "./output.ts";

/** What a context is made from. */
export interface Start<C> {
  readonly persona: Persona<C>;
  readonly verb: AnyVerb<C>;
  readonly globals: Scope;
  readonly path: string;
  readonly argv: readonly string[];
}

export interface Hooks<C> {
  /** Called once, after all flags are read and before operands are checked. A number ends the program with it. */
  begin?(globals: Scope, argv: readonly string[]): number | undefined;
  context(start: Start<C>): C | Promise<C>;
  /** Exit status after `run` returned without one. */
  status(context: C): number;
  /** Options not to show in the program's help. */
  hidden?(globals: Scope): ReadonlySet<string>;
}

/** Where a line leads: a verb, or a table that misses or does not know the next word. */
interface Place<C> {
  readonly path: string;
  readonly name: string;
  readonly node: Entry<C> | Group<C> | Persona<C>;
  readonly rest: readonly string[];
}

/** @param argv with the program's name first. @returns the exit status. @throws Fault, for main to print */
export async function runProgram<C>(persona: Persona<C>, argv: readonly string[], hooks: Hooks<C>): Promise<number> {
  const args = argv.slice(1);
  const first = args[0] ?? "";
  if (first === "__complete" || first === "__completeNoDesc") {
    const { completeLine } = await import("./completion.ts");
    return completeLine(persona, argv, hooks);
  }
  const globals = openScope(persona.globals);
  const place = findPlace(persona, args, globals);
  if (Array.isArray(place.node)) return runEntry({ persona, argv, hooks, globals }, place);
  return runTable({ persona, argv, hooks, globals }, place);
}

export interface Running<C> {
  readonly persona: Persona<C>;
  readonly argv: readonly string[];
  readonly hooks: Hooks<C>;
  readonly globals: Scope;
}

/** Walks the tables by the words that are neither flags nor their values. @throws Fault "usage.invalid" */
export function findPlace<C>(persona: Persona<C>, args: readonly string[], globals: Scope): Place<C> {
  let node: Persona<C> | Group<C> = persona;
  let path = persona.name;
  let rest = args;
  for (let depth = 0; depth < 8; depth++) {
    const scopes: Scope[] = [depth === 0 ? globals : narrowed(globals, persona.inherited)];
    const at = leadingFlags(rest, scopes);
    const name = rest[at];
    const found: ReturnType<typeof findEntry<C>> = name === undefined ? undefined : findEntry(node.contents, name);
    if (found === undefined) return { path, name: path, node, rest };
    const line = parseLine(rest.slice(0, at), scopes, { path });
    if (line.asksHelp) return { path, name: path, node, rest };
    path = `${path} ${found.name}`;
    rest = rest.slice(at + 1);
    if (!isGroup(found.entry)) return { path, name: found.name, node: found.entry, rest };
    node = found.entry;
  }
  return { path, name: path, node, rest };
}

/** By name, else by alias. */
export function findEntry<C>(contents: Contents<C>, name: string): { name: string; entry: Entry<C> | Group<C> } | undefined {
  const own = Object.hasOwn(contents, name) ? contents[name] : undefined;
  if (own !== undefined) return { name, entry: own };
  for (const key in contents) {
    const entry = contents[key];
    if (entry !== undefined && listing(entry)?.aliases?.includes(name)) return { name: key, entry };
  }
  return undefined;
}

export const listing = <C>(entry: Entry<C> | Group<C>) => (isGroup(entry) ? entry : entry[2]);

/** Reads what follows the verb. */
export function readVerbLine<C>(running: Running<C>, verb: AnyVerb<C>, place: { path: string; rest: readonly string[] }) {
  const scope = openScope(verb.flags);
  if (verb.unparsed) return { scope, line: { operands: [...place.rest], asksHelp: false, warnings: [] } };
  const inherited = narrowed(running.globals, running.persona.inherited);
  const line = parseLine(place.rest, [scope, inherited], { path: place.path, interspersed: verb.interspersed ?? true });
  return { scope, line };
}

async function runEntry<C>(running: Running<C>, place: Place<C>): Promise<number> {
  const { persona, argv, hooks, globals } = running;
  const [summary, load, more] = place.node as Entry<C>;
  if (place.path === `${persona.name} help`) return helpAbout(running, place.rest);
  const { default: verb } = await load();
  const { scope, line } = readVerbLine(running, verb, place);
  for (const warning of line.warnings) writeErr(`${warning}\n`);
  if (line.asksHelp || (globals.given.has("help") && globals.flags["help"] === true)) {
    const { verbHelp } = await import("./help.ts");
    writeOut(verbHelp(verb, { path: place.path, summary, aliases: more?.aliases }));
    return 0;
  }
  const ended = hooks.begin?.(globals, withoutSecrets(argv, [scope, globals]));
  if (ended !== undefined) return ended;
  refuseFlags([scope, globals], place.path);
  verb.operands.check({ operands: line.operands, flags: scope.flags, given: scope.given, path: place.path });
  const context = await hooks.context({ persona, verb, globals, path: place.path, argv });
  try {
    const call = { context, flags: scope.flags, given: scope.given, operands: line.operands, path: place.path };
    const ended = await verb.run(call);
    const status = hooks.status(context);
    return ended ?? status;
  } catch (error) {
    hooks.status(context);
    throw withExit(error, verb);
  }
}

/** @throws Fault "usage.unsupported" for a written flag that is declared, but cannot be done */
function refuseFlags(scopes: readonly Scope[], path: string): void {
  for (const { table, given } of scopes) {
    for (const key of given) {
      const reason = table[key]?.refused;
      if (reason !== undefined) throw new Fault("usage.unsupported", `cannot use --${flagName(key)} with "${path}": ${reason}`);
    }
  }
}

/** The verb's own status for a fault it names in `exits`. */
export function withExit<C>(error: unknown, verb: AnyVerb<C>): unknown {
  if (!(error instanceof Fault)) return error;
  const exit = verb.exits?.[error.code];
  if (exit === undefined || exit === error.exit) return error;
  return new Fault(error.code, error.message, { exit, hint: error.hint, errno: error.errno, cause: error });
}

async function runTable<C>(running: Running<C>, place: Place<C>): Promise<number> {
  const { persona, argv, hooks, globals } = running;
  const isRoot = place.node === persona;
  const scopes = [isRoot ? globals : narrowed(globals, persona.inherited)];
  const line = parseLine(place.rest, scopes, { path: place.path });
  const unknown = line.operands[0];
  if (isRoot && globals.flags["version"] === true) {
    writeOut(`${persona.version}\n`);
    return 0;
  }
  const asksHelp = line.asksHelp || globals.flags["help"] === true;
  if (unknown !== undefined && !asksHelp) {
    const ended = hooks.begin?.(globals, withoutSecrets(argv, [globals]));
    if (ended !== undefined) return ended;
    throw unknownCommand(place, unknown);
  }
  if (persona.isTerse && !asksHelp) {
    throw new Fault("usage.invalid", `Missing command '${place.path} COMMAND'\nTry '${place.path} --help' for more information`);
  }
  writeOut(await tableHelp(running, place));
  if (asksHelp) return 0;
  throw new Fault("usage.invalid", `missing command '${place.path} COMMAND'`);
}

async function tableHelp<C>(running: Running<C>, place: Place<C>): Promise<string> {
  const { groupHelp, personaHelp } = await import("./help.ts");
  if (place.node !== running.persona) return groupHelp(place.node as Group<C>, place.path);
  return personaHelp(running.persona, running.hooks.hidden?.(running.globals));
}

function unknownCommand<C>(place: Place<C>, typed: string): Fault {
  const { contents } = place.node as Persona<C> | Group<C>;
  const near = suggestions(typed, contents);
  const meant = near.length === 0 ? "" : `\n\nDid you mean this?\n\t${near.join("\n\t")}\n`;
  const message = `unrecognized command \`${place.path} ${typed}\`${meant}\nTry '${place.path} --help' for more information`;
  return new Fault("usage.unknown-command", message);
}

function suggestions<C>(typed: string, contents: Contents<C>): string[] {
  const small = typed.toLowerCase();
  return Object.keys(contents).filter((name) => {
    const entry = contents[name];
    if (entry === undefined || listing(entry)?.hidden) return false;
    return editDistance(small, name) <= 2 || (small !== "" && name.startsWith(small));
  });
}

async function helpAbout<C>(running: Running<C>, words: readonly string[]): Promise<number> {
  const { persona, hooks, globals } = running;
  const help = await import("./help.ts");
  if (words.every((word) => word === "--help" || word === "-h") && words.length > 0) {
    const [summary, load] = persona.contents["help"] as Entry<C>;
    writeOut(help.verbHelp((await load()).default, { path: `${persona.name} help`, summary }));
    return 0;
  }
  const place = findPlace(persona, words, globals);
  if (Array.isArray(place.node)) {
    const [summary, load, more] = place.node as Entry<C>;
    const { default: verb } = await load();
    writeOut(help.verbHelp(verb, { path: place.path, summary, aliases: more?.aliases }));
    return 0;
  }
  const topic = place.rest.filter((word) => !word.startsWith("-"));
  if (topic.length === 0) writeOut(await tableHelp(running, place));
  else writeErr(`Unknown help topic [${topic.map((word) => `\`${word}\``).join(" ")}]\n${help.personaUsage(persona, hooks.hidden?.(globals))}`);
  return 0;
}
