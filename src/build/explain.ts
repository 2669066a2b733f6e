// Why a step is not found in the cache: the argument, the file, the mount or the base that is another than the last time.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Host } from "../engine/host.ts";
import type { BuildCache, CacheBase } from "./cache.ts";
import type { CopyOutcome } from "./copy-step.ts";

export interface MissedStep {
  readonly base: CacheBase;
  readonly createdBy: string;
  readonly addsLayer: boolean;
}

/** One phrase, or undefined where this step was never built in any form. */
export function explainMiss(host: Host, cache: BuildCache, { base, createdBy, addsLayer }: MissedStep): string | undefined {
  const before = cache.candidates(base, addsLayer).map(candidate => candidate.createdBy).toReversed();
  const run = runParts(createdBy);
  if (run !== undefined) return explainRun(run, before.flatMap(text => runParts(text) ?? [])) ?? explainBase(cache, createdBy);
  const copy = copyParts(createdBy);
  if (copy !== undefined) {
    const like = before.flatMap(text => copyParts(text) ?? []).find(one => one.verb === copy.verb && one.rest === copy.rest);
    return like === undefined ? explainBase(cache, createdBy) : explainCopy(host, like.summary, copy.summary);
  }
  return explainBase(cache, createdBy);
}

const explainBase = (cache: BuildCache, createdBy: string): string | undefined =>
  cache.knows(createdBy) ? "what it stands on has changed" : undefined;

interface RunParts {
  readonly args: readonly string[];
  readonly text: string;
  readonly digests: string;
}

function runParts(createdBy: string): RunParts | undefined {
  const found = /^(?:\|(\d+) (.*?) )?\/bin\/sh -c (?!#\(nop\))([\s\S]*?)((?::[0-9a-f]{64}|:empty)*)(?:\|[\s\S]*)?$/.exec(createdBy);
  return found === null ? undefined : { args: found[2]?.split(" ") ?? [], text: found[3]!, digests: found[4]! };
}

function explainRun(now: RunParts, before: readonly RunParts[]): string | undefined {
  const same = before.find(({ text }) => text === now.text);
  if (same === undefined) return undefined;
  const nameOf = (entry: string): string => entry.split("=")[0]!;
  const changed = [...new Set([...now.args, ...same.args])].filter(entry => !(now.args.includes(entry) && same.args.includes(entry))).map(nameOf);
  if (changed.length > 0) return `argument ${[...new Set(changed)].join(", ")} has changed`;
  return now.digests === same.digests ? undefined : "what it mounts has changed";
}

interface CopyParts {
  readonly verb: string;
  readonly summary: string;
  readonly rest: string;
}

function copyParts(createdBy: string): CopyParts | undefined {
  const found = /^\/bin\/sh -c #\(nop\) ((?:COPY|ADD)(?: --link)?) (\w+:[0-9a-f]{64}) in ([\s\S]*)$/.exec(createdBy);
  return found === null ? undefined : { verb: found[1]!, summary: found[2]!, rest: found[3]! };
}

const namesShown = 3;
const noteFile = (host: Host, summary: string): string => `${host.store.root}/build-notes/${summary.slice(summary.indexOf(":") + 1)}.json`;

/** By name: what of a file's outside tells a change. */
type Note = Readonly<Record<string, string>>;

/** Kept beside the store; without it a change is told without names. */
export function noteCopy(host: Host, { summary, listing }: CopyOutcome): void {
  const file = noteFile(host, summary);
  const text = JSON.stringify(Object.fromEntries(listing));
  if (noteText(host, summary) === text) return;
  mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.${process.pid}`, text, { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
}

function noteText(host: Host, summary: string): string | undefined {
  try {
    return readFileSync(noteFile(host, summary), "utf8");
  } catch {
    return undefined;
  }
}

function readNote(host: Host, summary: string): Note | undefined {
  const text = noteText(host, summary);
  try {
    return text === undefined ? undefined : JSON.parse(text) as Note;
  } catch {
    return undefined;
  }
}

function explainCopy(host: Host, before: string, now: string): string {
  const [old, fresh] = [readNote(host, before), readNote(host, now)];
  if (old === undefined || fresh === undefined) return "what it copies has changed";
  const names = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].filter(name => old[name] !== fresh[name]).sort();
  if (names.length === 0) return "what it copies has changed";
  const told = names.slice(0, namesShown).map(name => `${name} ${!(name in old) ? "is new" : name in fresh ? "has changed" : "is gone"}`);
  return told.join(", ") + (names.length > namesShown ? `, and ${names.length - namesShown} more` : "");
}
