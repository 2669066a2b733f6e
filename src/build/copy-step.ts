// COPY and ADD: their flags, where the sources lie, and the copying itself.
// Source: Dockerfile reference, "COPY", "ADD".

import { mkdirSync, writeFileSync } from "node:fs";
import { digestOf, hexOf } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { copyIntoRoot, summarizeCopy, type Copied, type CopyJob } from "../engine/steps/copy.ts";
import type { Excluding } from "../engine/steps/copy-source.ts";
import { readModeChange } from "../engine/steps/mode-change.ts";
import { copyOwner, touchDirectories } from "../engine/steps/tree.ts";
import { expandWord } from "./containerfile/expand.ts";
import { heredocMark } from "./containerfile/heredoc.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import { malformed } from "./containerfile/lines.ts";
import { isGitSource } from "./git-source.ts";
import { ignorePatterns, ignoreRules } from "./ignore.ts";
import type { Tree } from "./run-mounts.ts";
import type { StageConfig } from "./stage-config.ts";

export interface CopyFlags {
  from?: string;
  chown?: string;
  chmod?: string;
  link: boolean;
  parents: boolean;
  excludes: string[];
  checksum?: string;
  keepGitDir: boolean;
  unpack?: boolean;
}

const toggles: Readonly<Record<string, "link" | "parents" | "keepGitDir" | "unpack">> = { "link": "link", "parents": "parents", "keep-git-dir": "keepGitDir", "unpack": "unpack" };
const known: Readonly<Record<string, readonly string[]>> = {
  copy: ["chown", "chmod", "from", "link", "parents", "exclude"],
  add: ["chown", "chmod", "checksum", "link", "keep-git-dir", "exclude", "unpack"],
};
const only: Readonly<Record<string, string>> = {
  copy: "COPY only supports the --chmod=<permissions>, --chown=<uid:gid>, --from=<image|stage>, --link, --parents, and --exclude=<pattern> flags",
  add: "ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, --checksum=<checksum>, --link, --keep-git-dir, and --exclude=<pattern> flags",
};

/** @throws Fault "containerfile.malformed" */
export function readCopyFlags(stage: StageConfig, instruction: Instruction): CopyFlags {
  const flags: CopyFlags = { link: false, parents: false, excludes: [], keepGitDir: false };
  for (const flag of stage.flags(instruction)) {
    const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(flag)!;
    if (!known[instruction.name]!.includes(name)) throw malformed(only[instruction.name]!);
    const toggle = toggles[name];
    if (toggle !== undefined) {
      if (value !== undefined && !/^(true|false)$/i.test(value)) throw malformed(only[instruction.name]!);
      flags[toggle] = value === undefined || value.toLowerCase() === "true";
      continue;
    }
    if (value === undefined) throw malformed(bareFlag[instruction.name]!);
    if (value === "") throw malformed(`no value specified for --${name}=`);
    if (name === "exclude") flags.excludes.push(value);
    else flags[name as "from" | "chown" | "chmod" | "checksum"] = value;
  }
  return flags;
}

const bareFlag: Readonly<Record<string, string>> = {
  copy: "COPY only supports the --chmod=<permissions> --chown=<uid:gid> --from=<image|stage> and the --exclude=<pattern> flags",
  add: "ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and --checksum=<checksum> --exclude=<pattern> flags",
};

export interface CopyPlace {
  readonly stage: StageConfig;
  readonly instruction: Instruction;
  readonly flags: CopyFlags;
  readonly context: Tree;
  readonly ignoreFile: string | undefined;
  /** For here-documents and downloads: ours alone, gone with the build. */
  readonly scratch: string;
  /** Makes a source that lies elsewhere a file or directory under `scratch`. */
  bring(source: string, flags: CopyFlags): Promise<Fetched>;
}

/** A remote source, brought here. */
export interface Fetched {
  readonly directory: string;
  readonly source: string;
  readonly unpack: boolean;
  /** A tree, such as a repository: its contents are copied. */
  readonly isTree: boolean;
}

/** Everything of the instruction ready to be read: one job for each place sources lie at. */
export interface PreparedCopy {
  readonly jobs: readonly CopyJob[];
  readonly destination: string;
}

const isRemote = (source: string): boolean => /^https?:\/\//.test(source);

/** @param root mounted, for --chown by name; absent where only the digest is asked for */
export async function prepareCopy(place: CopyPlace, root: string): Promise<PreparedCopy> {
  const { stage, instruction, flags } = place;
  const words = stage.words(instruction);
  if (words.length < 2) throw malformed(`${instruction.name.toUpperCase()} requires at least two arguments, but only one was provided. Destination could not be determined`);
  const written = words.at(-1)!;
  const destination = stage.absolute(written);
  const sources = words.slice(0, -1);
  const documents = instruction.isJson ? [] : sources.filter(source => heredocMark(source) !== undefined && instruction.heredocs.length > 0);
  const remote = sources.filter(source => isRemote(source) || (instruction.name === "add" && isGitSource(source)));
  if (remote.length > 0 && instruction.name === "copy") throw new Fault("containerfile.malformed", "source can't be a URL for COPY", { hint: "use ADD" });
  if (flags.keepGitDir && !remote.some(isGitSource)) throw new Fault("usage.invalid", `${instruction.name.toUpperCase()} --keep-git-dir is not supported`);
  if (flags.checksum !== undefined && remote.length === 0) throw new Fault("usage.invalid", "checksum flag is not supported for local sources");
  const local = sources.filter(source => !documents.includes(source) && !remote.includes(source));
  const many = sources.length > 1;
  const target = many && !destination.endsWith("/") ? `${destination}/` : destination;
  const options = await optionsOf(place, root);
  const jobs: CopyJob[] = [];
  if (documents.length > 0) jobs.push(writeDocuments(place, target, options));
  for (const source of remote) jobs.push(await remoteJob(place, source, { target, options }));
  if (local.length > 0 || (documents.length === 0 && remote.length === 0)) jobs.push(localJob(place, local, { target, options }));
  return { jobs, destination };
}

type JobOptions = NonNullable<CopyJob["options"]>;

async function optionsOf({ flags }: CopyPlace, root: string): Promise<JobOptions> {
  const owner = flags.chown === undefined ? (flags.from === undefined ? { uid: 0, gid: 0 } : undefined) : copyOwner(root, flags.chown);
  return {
    ...(owner ? { owner } : {}),
    ...(flags.chmod === undefined ? {} : { mode: readModeChange(flags.chmod) }),
    ...(flags.from === undefined ? { dropSetId: true } : {}),
  };
}

interface Aim {
  readonly target: string;
  readonly options: JobOptions;
}

function localJob({ context, flags, instruction, ignoreFile }: CopyPlace, sources: readonly string[], { target, options }: Aim): CopyJob {
  const exclude = excluding(context.exclude, flags.excludes);
  return {
    tree: context.path, sources, destination: target,
    options: { ...options, ...(exclude ? { exclude } : {}) },
    unpack: flags.unpack ?? instruction.name === "add",
    parents: flags.parents,
    ...(ignoreFile && flags.from === undefined ? { ignoreFile } : {}),
  };
}

/** Both the tree's own rules and those of --exclude. */
function excluding(rules: Excluding | undefined, patterns: readonly string[]): Excluding | undefined {
  if (patterns.length === 0) return rules;
  const own = ignoreRules(ignorePatterns(patterns.join("\n")));
  if (rules === undefined) return own;
  return {
    excludes: path => rules.excludes(path) || own.excludes(path),
    mayIncludeBelow: path => rules.mayIncludeBelow(path) || own.mayIncludeBelow(path),
  };
}

function writeDocuments({ stage, instruction, scratch }: CopyPlace, target: string, options: Aim["options"]): CopyJob {
  const directory = `${scratch}/documents-${instruction.line}`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const names = instruction.heredocs.map(({ name, content, expand }) => {
    const text = expand ? expandWord(content, stage.variables, { escape: stage.escape, raw: true }) : content;
    const base = name.slice(name.lastIndexOf("/") + 1);
    writeFileSync(`${directory}/${base}`, text, { mode: 0o644 });
    return base;
  });
  return { tree: directory, sources: names.map(name => name.replace(/[*?[\\]/g, "\\$&")), destination: target, options: { ...options, mtime: { sec: 0, nsec: 0 } } };
}

async function remoteJob({ bring, flags }: CopyPlace, source: string, { target, options }: Aim): Promise<CopyJob> {
  const found = await bring(source, flags);
  const exclude = excluding(undefined, flags.excludes);
  return {
    tree: found.directory, sources: [found.source], destination: target, unpack: found.unpack,
    options: { ...options, ...(exclude ? { exclude } : {}) },
  };
}

export interface CopyOutcome {
  /** "file:HEX", "dir:HEX", "multi:HEX". */
  readonly summary: string;
  readonly listing: Copied["listing"];
}

/** What would be copied. */
export const summarize = (prepared: PreparedCopy): Promise<CopyOutcome> => each(prepared, job => summarizeCopy(job));

export const execute = (prepared: PreparedCopy, root: string): Promise<CopyOutcome> => each(prepared, job => copyIntoRoot(root, job));

/** Into a root of its own: the directories it had to make are as old as what is in them, so that the layer is always the same. */
export const executeAlone = (prepared: PreparedCopy, root: string): Promise<CopyOutcome> => each(prepared, async job => {
  const copied = await copyIntoRoot(root, job);
  touchDirectories(root, job.destination, copied.newest);
  return copied;
});

async function each({ jobs }: PreparedCopy, act: (job: CopyJob) => Promise<Copied>): Promise<CopyOutcome> {
  const all: Copied[] = [];
  for (const job of jobs) all.push(await act(job));
  const summaries = all.map(({ summary }) => summary);
  const summary = all.length === 1 ? summaries[0]! : `multi:${hexOf(digestOf(Buffer.from(summaries.join("\n"))))}`;
  return { summary, listing: all.flatMap(({ listing }) => listing) };
}
