// argv[0] → persona → verb → exit status. The only caller of process.exit.

import { settle } from "./base/reentry.ts";
import type { Persona } from "./cli/command.ts";
import { printFault } from "./cli/print-fault.ts";
import { ownVersion } from "./commands/version.ts";
import { runProgram, type Hooks } from "./cli/program.ts";

/** A persona with what runs it, whatever its verbs are given. */
interface Program {
  run(argv: readonly string[], shown: string | undefined): Promise<number>;
  /** Prints what went wrong; gives the exit status. */
  fail(thrown: unknown): number | Promise<number>;
}

const personas: Readonly<Record<string, () => Promise<Program>>> = {
  podman: async () => {
    const [{ podman }, { hooks }] = await Promise.all([import("./commands/podman.ts"), import("./commands/invocation.ts")]);
    return program(podman(), hooks, printFault);
  },
  buildah: async () => {
    const { buildah, buildahHooks } = await import("./commands/buildah.ts");
    return program(buildah(), buildahHooks, printFault);
  },
  skopeo: async () => {
    const { failSkopeo, skopeo, skopeoHooks } = await import("./commands/skopeo.ts");
    return program(skopeo(), skopeoHooks, failSkopeo);
  },
  udica: async () => {
    const { failUdica, runUdica } = await import("./commands/udica.ts");
    return { run: runUdica, fail: failUdica };
  },
};

function program<C>(persona: Persona<C>, hooks: Hooks<C>, fail: Program["fail"]): Program {
  return { fail, run: (argv, shown) => runProgram(shown === undefined ? persona : { ...persona, name: shown, version: `${shown} version ${ownVersion}` }, argv, hooks) };
}

interface Choice {
  readonly load: () => Promise<Program>;
  /** The program's name first. */
  readonly argv: readonly string[];
  /** Named so in help and errors, instead of the persona's own name. */
  readonly shown?: string;
}

/** `coracle podman …` is podman; `coracle …` takes the union of the verbs, under its own name. */
function choose(argv0: string, args: readonly string[]): Choice {
  const own = personaNamed(argv0.slice(argv0.lastIndexOf("/") + 1));
  if (own !== undefined) return { load: own, argv: [argv0, ...args] };
  const next = args[0] === undefined ? undefined : personaNamed(args[0]);
  if (next !== undefined) return { load: next, argv: args };
  return { load: personas["podman"]!, argv: [argv0, ...args], shown: "coracle" };
}

function personaNamed(name: string): (() => Promise<Program>) | undefined {
  return Object.hasOwn(personas, name) ? personas[name] : undefined;
}

/** What conmon calls at a container's end starts with this option and two files: nothing is loaded while another of us cleans up. */
const afterAttendant = "--after-attendant";

async function main(): Promise<number> {
  let fail: Program["fail"] = printFault;
  try {
    const given = process.argv.slice(2);
    const waits = given[0] === afterAttendant && given[2] !== undefined;
    if (waits && !await (await import("./base/attendant.ts")).attendantLeft(given[1]!, given[2]!)) return 0;
    const { load, argv, shown } = choose(settle(process.argv0), waits ? given.slice(3) : given);
    const program = await load();
    fail = program.fail;
    return await program.run(argv, shown);
  } catch (thrown) {
    return await fail(thrown);
  }
}

process.exit(await main());
