// udica: from what inspect says of a container to NAME.cil, and to the command that loads it.
// Source: udica(8); its messages and exit statuses are what scripts compare.

import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";
import { readArguments, type Read } from "../../cli/argparse.ts";
import { hostLabels } from "../../security/selinux/host-labels.ts";
import type { LabelSource } from "../../security/selinux/label-source.ts";
import { readAvcs, type AvcRule } from "../../security/udica/avc.ts";
import { readInspect, type Allowances } from "../../security/udica/inspect.ts";
import { policyOf, policyText, type Policy } from "../../security/udica/policy.ts";
import { compatibleUdica } from "../version.ts";
import { containerHelp, containerOptions } from "./options.ts";
import { readFile, readInput } from "./read.ts";

export type ContainerFlags = Read<typeof containerOptions>;
type Out = (line: string) => void;

/** Ends the command: `message` goes to standard output, as the original has it. */
class Ended extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** @param labels the host's when absent. @returns the exit status */
export async function confineContainer(args: readonly string[], out: Out, labels?: LabelSource): Promise<number> {
  const { flags, operands } = readArguments(args, containerOptions, { operands: ["ContainerName"], alone: ["help", "version", "engine-policy"] });
  if (flags.help || flags.version) {
    out(flags.help ? containerHelp().trimEnd() : compatibleUdica);
    return 0;
  }
  if (flags["engine-policy"]) return (await import("./load.ts")).loadEnginePolicy(out);
  const name = operands[0]!;
  if (flags.watch) return (await import("./watch.ts")).watchContainer(name, flags.watch, out);
  if (flags.remove) return (await import("./load.ts")).removePolicy(name, out);
  try {
    await make(name, { flags, out, labels: labels ?? (await hostLabels()) });
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Ended)) throw thrown;
    out(thrown.message);
    return thrown.status;
  }
}

interface Making {
  readonly flags: ContainerFlags;
  readonly out: Out;
  readonly labels: LabelSource;
}

async function make(name: string, { flags, out, labels }: Making): Promise<void> {
  const allowances = withWishes(asEnded("Couldn't parse inspect data", 3, await inspectText(flags), text => readInspect(text, flags["container-engine"])), flags);
  const rules = flags["append-rules"] ? avcRules(flags["append-rules"]) : undefined;
  const policy = asEnded("Couldn't create policy", 4, name, () => policyOf({
    name, allowances, fullNetworkAccess: flags["full-network-access"], virtAccess: flags["virt-access"], xAccess: flags["X-access"],
    ttyAccess: flags["tty-access"], ...(flags["stream-connect"] ? { streamConnect: flags["stream-connect"] } : {}), ...(rules ? { rules } : {}),
  }, labels));
  for (const { source } of policy.unrelated) out(`WARNING: process type: ${source} seems to be unrelated to this container policy. Skipping allow rule.`);
  const { checkPolicy } = await import("./load.ts");
  if (flags.check) asEnded("Couldn't create policy", 4, policy, made => checkPolicy(made, policyText(made)));
  asEnded("Couldn't create policy", 4, policy, made => write(`${name}.cil`, policyText(made, flags.explain)));
  out(`\nPolicy ${name} created!`);
  await finish(policy, { flags, out });
  out(`\nRestart the container with: "--security-opt label=type:${name}.process" parameter`);
}

async function finish(policy: Policy, { flags, out }: Pick<Making, "flags" | "out">): Promise<void> {
  const { loadPolicy, loadCommand } = await import("./load.ts");
  if (flags.ansible) (await import("./playbook.ts")).writePlaybook(policy, out);
  else if (flags["load-modules"]) await loadPolicy(policy);
  else out(loadCommand(policy));
}

/** Runs one step; its fault ends the command with a message that begins as the original's does. */
function asEnded<I, T>(attempt: string, status: number, input: I, step: (input: I) => T): T {
  try {
    return step(input);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    if (thrown.code === "input.malformed" && thrown.exit === 1) throw thrown;
    const reason = thrown.message.replace(/^cannot read inspect data: /, "");
    throw new Ended(status, `${attempt}: ${reason}${thrown.hint === undefined ? "" : `\n${thrown.hint}`}`);
  }
}

async function inspectText(flags: ContainerFlags): Promise<Uint8Array> {
  let found: Uint8Array | undefined;
  if (flags["container-id"]) {
    found = await (await import("./inspected.ts")).findInspected(flags["container-id"]);
    if (found === undefined) throw new Ended(3, "Container with specified ID does not exits!");
  }
  const file = flags.json;
  if (file && file !== "-") {
    if (!isFile(file)) throw new Ended(3, "Json file does not exists!");
    return asEnded("Couldn't parse inspect data", 3, file, readFile);
  }
  return found !== undefined && !file ? found : asEnded("Couldn't parse inspect data", 3, undefined, readInput);
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

function avcRules(file: string): AvcRule[] {
  if (!isFile(file)) throw new Ended(3, "AVC file does not exists!");
  return asEnded("Couldn't parse AVC file", 3, file, path => readAvcs(Buffer.from(readFile(path)).toString()));
}

/** --caps and --devices stand for what inspect says. */
function withWishes(allowances: Allowances, { caps, devices }: ContainerFlags): Allowances {
  const none = caps === "None" || caps === "none";
  return {
    ...allowances,
    ...(caps ? { capabilities: none ? [] : caps.split(",") } : {}),
    ...(devices ? { devices: devices.split(",") } : {}),
  };
}

/** A policy is whole or not there: a reader never sees half of one. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    if (existsSync(path) && statSync(path).isFile()) rmSync(path, { force: true });
    throw new Fault("system.failed", `cannot write "${path}": ${reasonOf(cause)}`, { cause });
  }
}
