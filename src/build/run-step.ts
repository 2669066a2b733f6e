// RUN: what runs, in what environment, with which mounts.
// Source: Dockerfile reference, "RUN"; buildah-build(1).

import { newHasher, hexOf } from "../base/digest.ts";
import type { ContainerSpec, MountSpec } from "../base/container-spec.ts";
import { Fault } from "../base/fault.ts";
import { resolveInTree } from "../engine/steps/tree.ts";
import { runInRoot } from "../engine/steps/run-in-root.ts";
import { openStepNetwork, type StepNetwork } from "../engine/steps/step-network.ts";
import { heredocMark } from "./containerfile/heredoc.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import { malformed } from "./containerfile/lines.ts";
import { failureReport, LastOutput, stepFailed } from "./failure.ts";
import { readRunMount, type RunMount } from "./run-mount.ts";
import { mountsFor, type Mounting } from "./run-mounts.ts";
import { fixedHostname, fixedTime } from "./request.ts";
import type { Console, Shared } from "./shared.ts";
import { proxyArguments, type StageConfig } from "./stage-config.ts";
import { summarizeCopy } from "../engine/steps/copy.ts";

export interface RunFlags {
  readonly mounts: readonly RunMount[];
  readonly network?: "default" | "none" | "host";
  readonly security?: "sandbox" | "insecure";
  readonly devices: readonly string[];
}

/** @throws Fault "containerfile.malformed", "usage.invalid" */
export function readRunFlags(stage: StageConfig, instruction: Instruction): RunFlags {
  const mounts: RunMount[] = [];
  const devices: string[] = [];
  let network: RunFlags["network"];
  let security: RunFlags["security"];
  for (const flag of stage.flags(instruction)) {
    const [, name, value = ""] = /^--([^=]*)=?(.*)$/s.exec(flag)!;
    if (value === "" && ["mount", "network", "security", "device"].includes(name!)) throw malformed(`no value specified for --${name}=`);
    if (name === "mount") mounts.push(readRunMount(value));
    else if (name === "device") devices.push(value);
    else if (name === "network") network = oneOf(value, ["default", "none", "host"], `unsupported value ${JSON.stringify(value)} for "RUN --network", must be either "host" or "none"`);
    else if (name === "security") security = oneOf(value, ["sandbox", "insecure"], `unsupported value ${JSON.stringify(value)} for "RUN --security", must be either "sandbox" or "insecure"`);
    else throw malformed("RUN only supports the --mount and --network flag");
  }
  return { mounts, devices, ...(network ? { network } : {}), ...(security ? { security } : {}) };
}

function oneOf<const T extends string>(value: string, known: readonly T[], message: string): T {
  const found = known.find(one => one === value);
  if (found === undefined) throw malformed(message);
  return found;
}

/** Digests of what bind mounts bring in, which count for the cache. */
export async function mountedDigests(flags: RunFlags, mounting: Mounting): Promise<string[]> {
  const digests: string[] = [];
  for (const mount of flags.mounts) {
    if (mount.type !== "bind") continue;
    const tree = await mounting.treeOf(mount.from);
    if (tree.isStage) {
      digests.push(tree.identity!);
      continue;
    }
    const { summary } = await summarizeCopy({ tree: tree.path, sources: [mount.source ?? "."], destination: "/", options: tree.exclude ? { exclude: tree.exclude } : {} })
      .catch((thrown: unknown) => {
        if (thrown instanceof Fault && thrown.message.startsWith("no items matching")) return { summary: "" };
        throw thrown;
      });
    digests.push(summary.slice(summary.indexOf(":") + 1));
  }
  return digests;
}

/** The whole argv, and a script that a here-document with "#!" is. */
export function commandOf(stage: StageConfig, instruction: Instruction, honoursShell: boolean): { argv: string[]; script?: string } {
  const { isJson, words, heredocs } = instruction;
  if (isJson) return { argv: [...words] };
  const shell = honoursShell && stage.defaults.Shell ? stage.defaults.Shell : ["/bin/sh", "-c"];
  const line = words[0];
  // The shell complains.
  if (line === undefined) return { argv: [...shell] };
  if (heredocs.length === 0) return { argv: [...shell, line] };
  const mark = heredocMark(line.trim());
  if (mark === undefined) return { argv: [...shell, `${line}\n${heredocs.map(({ content, name }) => `${content}${name}\n`).join("")}`] };
  const { content } = heredocs[0]!;
  return content.startsWith("#!") ? { argv: [], script: content } : { argv: [...shell, content] };
}

export interface RunStep {
  readonly shared: Shared;
  readonly stage: StageConfig;
  readonly instruction: Instruction;
  readonly flags: RunFlags;
  readonly root: { readonly id: string; readonly path: string };
  readonly mounting: Mounting;
  readonly console: Console;
}

/** @throws Fault worded `while running runtime: exit status N` with that status as its exit */
export async function executeRun(step: RunStep): Promise<void> {
  const { shared, stage, instruction, flags, root, console } = step;
  const { argv, script } = commandOf(stage, instruction, shared.request.format === "docker");
  using mounts = await mountsFor(flags.mounts, { ...step.mounting, root: root.path });
  const own = script === undefined ? { argv, mounts: [] as MountSpec[] } : mounts.script(script);
  const env = [...proxies(shared.request.spec), ...stage.runEnv, ...mounts.env];
  const spec = specOf(step, withOwners([...own.mounts, ...mounts.specs], shared.request.spec), own.argv);
  const isShared = flags.network === undefined || flags.network === "default";
  const network = isShared ? await shared.takeNetwork() : await openStepNetwork(shared.host, spec);
  const last = new LastOutput();
  const kept = (print: (chunk: Uint8Array) => void) => (chunk: Uint8Array): void => {
    last.add(chunk);
    print(chunk);
  };
  try {
    const status = await runInRoot(shared.host, {
      id: root.id, spec, env, network,
      streams: { stdin: shared.request.stdin ? "inherit" : "ignore", stdout: kept(chunk => console.out(chunk)), stderr: kept(chunk => console.err(chunk)) },
      signal: shared.abort.signal,
    }).catch(notStarted);
    if (status === 0) return;
    console.report(failureReport(instruction, status, last));
    if (shared.request.onFail === "shell") await shellIn(step, { spec, env, network });
    throw stepFailed(status);
  } finally {
    if (isShared) shared.returnNetwork(network);
    else await network.close();
  }
}

/** The step as it failed, with its mounts and its environment, for a person to look around in. */
async function shellIn({ shared, root, console }: RunStep, { spec, env, network }: { spec: ContainerSpec; env: readonly string[]; network: StepNetwork }): Promise<void> {
  console.report("opening a shell in the failed step; leave it to end the build\n");
  console.yield();
  const terminal = shared.request.hasTerminal;
  await runInRoot(shared.host, {
    id: root.id, network, env: terminal ? [...env, "TERM=xterm"] : env,
    spec: { ...spec, command: ["/bin/sh"], ...(terminal ? { terminal: true } : {}) },
    streams: { stdin: "inherit", stdout: "inherit", stderr: "inherit" },
    signal: shared.abort.signal,
  }).catch((thrown: Error) => console.report(`no shell: ${thrown.message}\n`));
}

/** Whatever kept it from starting, scripts know 1. */
function notStarted(thrown: unknown): never {
  if (!(thrown instanceof Fault) || !/^(runtime|process)\./.test(thrown.code)) throw thrown;
  throw new Fault(thrown.code, `while running runtime: ${thrown.message}`, { cause: thrown, exit: 1, ...(thrown.hint ? { hint: thrown.hint } : {}) });
}

/** The host's, which the image's own override. */
function proxies({ httpProxy }: ContainerSpec): string[] {
  if (httpProxy === false) return [];
  return proxyArguments.flatMap(name => (process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`]));
}

/** A volume's directory as it is, over which a RUN writes in vain. */
function throwAway(root: string, target: string): MountSpec[] {
  const source = resolveInTree(root, target);
  return source === undefined ? [] : [{ kind: "bind", source, target, options: [], overlay: true }];
}

/** What a step mounts has the owners that its files have, whatever users the step runs with. */
function withOwners(mounts: readonly MountSpec[], { uidMap }: ContainerSpec): readonly MountSpec[] {
  if (!uidMap?.length) return mounts;
  return mounts.map(mount => (mount.kind === "bind" && !mount.overlay ? { ...mount, idmap: "" } : mount));
}

function specOf({ shared, stage, flags, root }: RunStep, mounts: readonly MountSpec[], argv: readonly string[]): ContainerSpec {
  const { spec } = shared.request;
  const kept = shared.request.compatVolumes ? Object.keys(stage.defaults.Volumes ?? {}).flatMap(target => throwAway(root.path, target)) : [];
  const hidden = new Set(mounts.map(({ target }) => target));
  return {
    ...spec,
    command: [...argv],
    workdir: stage.defaults.WorkingDir || "/",
    ...(fixedTime(shared.request) === undefined ? {} : { hostname: fixedHostname }),
    ...(stage.defaults.User ? { user: stage.defaults.User } : {}),
    mounts: [...(spec.mounts ?? []).filter(({ target }) => !hidden.has(target)), ...kept.filter(({ target }) => !hidden.has(target)), ...mounts],
    ...(flags.network === "none" ? { network: { mode: "none" as const } } : flags.network === "host" ? { network: { mode: "host" as const } } : {}),
    ...(flags.security === "insecure" ? { security: { ...spec.security, privileged: true } } : {}),
    ...(flags.devices.length > 0 ? { devices: [...(spec.devices ?? []), ...flags.devices.map(device => ({ source: device, target: device, access: "rwm" }))] } : {}),
  };
}

export const textDigest = (text: string): string => {
  const hasher = newHasher();
  hasher.update(text);
  return hexOf(hasher.digest());
};

