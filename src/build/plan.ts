// The stages of a Containerfile, what each needs of the others, and which of them the target needs.
// Source: Dockerfile reference, "FROM", "Multi-stage builds", "Automatic platform ARGs".

import { hostPlatform, type PlatformChoice } from "../image/platform.ts";
import { expandWord } from "./containerfile/expand.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import { malformed } from "./containerfile/lines.ts";
import { atLine, type Containerfile } from "./containerfile/parse.ts";
import type { BuildRequest } from "./request.ts";
import { readRunMount } from "./run-mount.ts";
import type { ArgumentScope } from "./stage-config.ts";

export interface PlannedStage {
  readonly position: number;
  /** Of AS, else the position. */
  readonly name: string;
  readonly isNamed: boolean;
  /** "scratch", a name of an image, or of an earlier stage. */
  readonly base: string;
  /** The base as written, for the log. */
  readonly shown: string;
  readonly platform: string | undefined;
  readonly from: Instruction;
  readonly instructions: readonly Instruction[];
  /** Positions of stages it needs. */
  readonly needs: ReadonlySet<number>;
  /** The stage it is based on. */
  readonly baseStage: number | undefined;
  /** Names that ARG lines of the stages it is based on declare. */
  readonly inheritedArguments: readonly string[];
}

export interface Plan {
  readonly stages: readonly PlannedStage[];
  /** Position of the last one. */
  readonly target: number;
  /** Positions that have to be built. */
  readonly needed: ReadonlySet<number>;
  readonly scope: ArgumentScope;
  readonly escape: string;
  /** Names of --build-arg that no ARG line takes. */
  readonly unusedArguments: readonly string[];
  /** Names of ARG lines of needed stages that nobody gives a value. */
  readonly missingArguments: readonly string[];
}

const stagesMax = 1000;

type PlanRequest = Pick<BuildRequest, "buildArgs" | "contexts" | "target" | "from" | "platform" | "skipUnusedStages">;

/** @throws Fault "containerfile.malformed" */
export function planBuild(files: readonly Containerfile[], request: PlanRequest): Plan {
  const [main] = files;
  const escape = main!.escape;
  const instructions = files.flatMap(file => file.instructions);
  const builtin = platformArguments(request.platform);
  const first = instructions.findIndex(({ name }) => name === "from");
  const heading = headingArguments(instructions.slice(0, first < 0 ? undefined : first), { given: request.buildArgs, builtin, escape });
  if (first < 0) throw malformed("no FROM statement found", "begin the Containerfile with FROM IMAGE or FROM scratch");
  const scope: ArgumentScope = { given: request.buildArgs, builtin, heading };
  const stages = splitStages(instructions.slice(first), { request, scope, escape });
  const target = targetOf(stages, request.target);
  const kept = stages.slice(0, target + 1);
  const needed = request.skipUnusedStages ? neededBy(kept, target) : new Set(kept.map(({ position }) => position));
  return {
    stages: kept, target, scope, escape, needed,
    missingArguments: missingOf(kept, needed, scope),
    unusedArguments: unusedOf(instructions, request.buildArgs, builtin),
  };
}

export function platformArguments(platform: PlatformChoice = {}): Map<string, string> {
  const host = hostPlatform();
  const os = platform.os || host.os;
  const arch = platform.architecture || host.architecture;
  const variant = platform.variant ?? "";
  const text = (...parts: string[]): string => parts.filter(Boolean).join("/");
  return new Map([
    ["TARGETPLATFORM", text(os, arch, variant)], ["TARGETOS", os], ["TARGETARCH", arch], ["TARGETVARIANT", variant],
    ["BUILDPLATFORM", text(host.os, host.architecture)], ["BUILDOS", host.os], ["BUILDARCH", host.architecture], ["BUILDVARIANT", ""],
  ]);
}

interface Heading {
  readonly given: ReadonlyMap<string, string>;
  readonly builtin: ReadonlyMap<string, string>;
  readonly escape: string;
}

function headingArguments(instructions: readonly Instruction[], { given, builtin, escape }: Heading): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, words, line } of instructions) {
    if (name !== "arg") continue;
    for (const word of words) {
      try {
        const text = expandWord(word, new Map([...builtin, ...values]), { escape });
        const equals = text.indexOf("=");
        const key = equals < 0 ? text : text.slice(0, equals);
        const value = given.get(key) ?? (equals < 0 ? builtin.get(key) : text.slice(equals + 1));
        if (value !== undefined) values.set(key, value);
      } catch (thrown) {
        throw atLine(thrown, line);
      }
    }
  }
  return values;
}

interface Splitting {
  readonly request: PlanRequest;
  readonly scope: ArgumentScope;
  readonly escape: string;
}

function splitStages(instructions: readonly Instruction[], splitting: Splitting): PlannedStage[] {
  const starts = instructions.flatMap(({ name }, at) => (name === "from" ? [at] : []));
  if (starts.length > stagesMax) throw malformed(`more than ${stagesMax} stages`);
  const stages: PlannedStage[] = [];
  for (const [position, start] of starts.entries()) {
    const from = instructions[start]!;
    try {
      stages.push(stageOf(from, instructions.slice(start + 1, starts[position + 1]), { ...splitting, before: stages }));
    } catch (thrown) {
      throw atLine(thrown, from.line);
    }
  }
  return stages;
}

function stageOf(from: Instruction, instructions: readonly Instruction[], how: Splitting & { before: readonly PlannedStage[] }): PlannedStage {
  const { request, scope, escape, before } = how;
  const position = before.length;
  const { words } = from;
  const isNamed = words.length === 3 && words[1]!.toLowerCase() === "as" && words[2] !== "";
  if (words.length !== 1 && !isNamed) throw malformed("FROM requires either one argument, or three: FROM <source> [AS <name>]");
  const variables = new Map([...scope.builtin, ...scope.heading]);
  const expand = (word: string): string => expandWord(word, variables, { escape });
  const written = position === 0 && request.from ? request.from : expand(words[0]!);
  if (written === "") throw malformed(`base name (${words[0]}) should not be blank`, "give its arguments values with --build-arg");
  const name = isNamed ? expand(words[2]!) : String(position);
  const context = request.contexts.get(written);
  const baseStage = context === undefined ? findStage(before, written, position) : undefined;
  const base = context?.kind === "image" ? context.value : written;
  const platform = platformFlag(from.flags.map(expand));
  const inherited = baseStage === undefined ? [] : argumentWords(before[baseStage]!);
  const needs = new Set<number>(baseStage === undefined ? [] : [baseStage]);
  for (const other of usedNames(instructions, variables, escape)) {
    if (request.contexts.has(other)) continue;
    const found = findStage(before, other, position);
    if (found !== undefined) needs.add(found);
  }
  const shown = `${platform === undefined ? "" : `--platform=${platform} `}${base}${isNamed ? ` AS ${name}` : ""}`;
  return { position, name, isNamed, base, shown, platform, from, instructions, needs, baseStage, inheritedArguments: inherited };
}

function platformFlag(flags: readonly string[]): string | undefined {
  let platform: string | undefined;
  for (const flag of flags) {
    if (!flag.startsWith("--platform=")) throw malformed("FROM only supports the --platform flag");
    platform = flag.slice("--platform=".length);
    if (platform === "") throw malformed("no value specified for --platform=");
  }
  return platform;
}

const argumentWords = (stage: PlannedStage): string[] =>
  [...stage.inheritedArguments, ...stage.instructions.flatMap(({ name, words }) => (name === "arg" ? words : []))];

/** By name, else by number; only earlier ones. The last of a name counts. */
export function findStage(stages: readonly PlannedStage[], name: string, before: number): number | undefined {
  const named = stages.findLast(stage => stage.position < before && stage.name === name);
  if (named !== undefined) return named.position;
  return /^\d{1,4}$/.test(name) && Number(name) < before ? Number(name) : undefined;
}

/** What --from and from= name, as far as it can be known before the stage runs. */
function usedNames(instructions: readonly Instruction[], variables: ReadonlyMap<string, string>, escape: string): string[] {
  const known = new Map(variables);
  return instructions.flatMap(instruction => {
    if (instruction.name === "arg") {
      for (const word of instruction.words) {
        const equals = word.indexOf("=");
        if (equals > 0 && !known.has(word.slice(0, equals))) known.set(word.slice(0, equals), word.slice(equals + 1));
      }
    }
    return fromNames(instruction.trigger ?? instruction).flatMap(name => {
      try {
        return [expandWord(name, known, { escape })];
      } catch {
        return [];
      }
    });
  });
}

export function fromNames({ name, flags }: Instruction): string[] {
  return flags.flatMap(flag => {
    if ((name === "copy" || name === "add") && flag.startsWith("--from=")) return [flag.slice("--from=".length)];
    if (name !== "run" || !flag.startsWith("--mount=")) return [];
    return readRunMount(flag.slice("--mount=".length)).from ?? [];
  });
}

function targetOf(stages: readonly PlannedStage[], target: string | undefined): number {
  if (!target) return stages.length - 1;
  const named = stages.findIndex(({ name }) => name.toLowerCase() === target.toLowerCase());
  if (named >= 0) return named;
  if (/^\d{1,4}$/.test(target) && Number(target) < stages.length) return Number(target);
  throw malformed(`the target ${JSON.stringify(target)} was not found in the provided Dockerfile`, `choose one of: ${stages.map(({ name }) => name).join(", ")}`);
}

function neededBy(stages: readonly PlannedStage[], target: number): Set<number> {
  const needed = new Set<number>();
  const visit = (position: number): void => {
    if (needed.has(position)) return;
    needed.add(position);
    for (const need of stages[position]!.needs) visit(need);
  };
  visit(target);
  return needed;
}

function missingOf(stages: readonly PlannedStage[], needed: ReadonlySet<number>, { given, builtin, heading }: ArgumentScope): string[] {
  const known = new Set<string>();
  const missing: string[] = [];
  for (const { position, instructions } of stages) {
    for (const { name, words } of instructions) {
      if (name !== "arg") continue;
      for (const word of words) {
        const equals = word.indexOf("=");
        if (equals > 0 && equals + 1 < word.length) known.add(word.slice(0, equals));
        const isFree = equals >= 0 || known.has(word) || given.has(word) || builtin.has(word) || heading.has(word) || freeArguments.test(word);
        if (!isFree && needed.has(position)) missing.push(word);
      }
    }
  }
  return missing;
}

const freeArguments = /^(?:(?:https?|ftp|no|all)_proxy|SOURCE_DATE_EPOCH)$/i;

function unusedOf(instructions: readonly Instruction[], given: ReadonlyMap<string, string>, builtin: ReadonlyMap<string, string>): string[] {
  const declared = new Set(instructions.flatMap(({ name, words }) => (name === "arg" ? words.map(word => word.split("=")[0]!) : [])));
  return [...given.keys()].filter(name => !declared.has(name) && !builtin.has(name) && !freeArguments.test(name)).sort();
}
