// argv[0] → persona → verb → exit status. The only caller of process.exit.

import { Fault } from "./base/fault.ts";
import { printFault } from "./cli/print-fault.ts";
import { runProgram } from "./cli/program.ts";
import { hooks } from "./commands/invocation.ts";
import type { Persona } from "./commands/verb.ts";
import { ownVersion } from "./commands/version.ts";

const personas: Readonly<Record<string, () => Promise<Persona>>> = {
  podman: async () => (await import("./commands/podman.ts")).podman(),
};

/** Names the executable will answer to; acting as podman under them would do harm. */
const reserved = ["buildah", "skopeo", "udica"];

interface Choice {
  readonly load: () => Promise<Persona>;
  /** The program's name first. */
  readonly argv: readonly string[];
  /** Named so in help and errors, instead of the persona's own name. */
  readonly shown?: string;
}

/** `coracle podman …` is podman; `coracle …` takes the union of the verbs, under its own name. */
function choose(argv0: string, args: readonly string[]): Choice {
  const own = personaNamed(argv0.slice(argv0.lastIndexOf("/") + 1));
  if (own !== undefined) return { load: own, argv: [argv0, ...args] };
  const name = argv0.slice(argv0.lastIndexOf("/") + 1);
  const absent = reserved.find((known) => known === name || known === args[0]);
  if (absent !== undefined) throw new Fault("usage.unsupported", `cannot act as "${absent}": it is not part of this version`);
  const next = args[0] === undefined ? undefined : personaNamed(args[0]);
  if (next !== undefined) return { load: next, argv: args };
  return { load: personas["podman"]!, argv: [argv0, ...args], shown: "coracle" };
}

function personaNamed(name: string): (() => Promise<Persona>) | undefined {
  return Object.hasOwn(personas, name) ? personas[name] : undefined;
}

async function main(): Promise<number> {
  try {
    const { load, argv, shown } = choose(process.argv0, process.argv.slice(2));
    const persona = await load();
    return await runProgram(shown === undefined ? persona : { ...persona, name: shown, version: `${shown} version ${ownVersion}` }, argv, hooks);
  } catch (thrown) {
    return printFault(thrown);
  }
}

process.exit(await main());
