// What was learned from registries, kept from one command to the next: one text file a subject, a line "SECONDS KEY VALUE" each.
// It is a memory and no truth: whoever goes by it asks again, and what is lost, old or damaged here costs only time.

import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { log } from "../base/log.ts";
import { cacheDirectory } from "./cache-directory.ts";
import type { Environment } from "./wire.ts";

export interface Notes {
  /** What is known of a key (a key, a host), newest first, at most `valuesMax`. Keys hold no spaces. */
  values(key: string): readonly string[];
  /** @param value one line of printable characters */
  note(key: string, value: string): void;
  forget(key: string, value: string): void;
  /** Writes down what is new. Never fails: a command works without a memory as well. */
  keep(): void;
}

export const valuesMax = 8;
/** Of one file; a fuller one keeps its newer half. About 7,000 lines. */
const bytesMax = 1024 * 1024;
const ageSecondsMax = 30 * 24 * 3600;
/** What is known is written again only so often. */
const renewalSeconds = 24 * 3600;

interface Line {
  readonly seconds: number;
  readonly key: string;
  readonly value: string;
}

const notesDirectory = (environment: Environment): string => join(cacheDirectory(environment), "coracle-notes");

/** All that was learned, from every registry. */
export function forgetNotes(environment: Environment = process.env): void {
  opened.clear();
  rmSync(notesDirectory(environment), { recursive: true, force: true });
}

const opened = new Map<string, Notes>();

/** @param subject what the file is named by, such as a registry's host; one of a process for each */
export function notesOf(kind: string, subject: string, environment: Environment = process.env): Notes {
  const file = join(notesDirectory(environment), kind, subject.replace(/[^A-Za-z0-9._:-]/g, "_").slice(0, 200).replace(/^\./, "_"));
  const known = opened.get(file);
  if (known) return known;
  const made = newNotes(file);
  opened.set(file, made);
  return made;
}

function newNotes(file: string): Notes {
  let text: string | undefined;
  const known = (): string => (text ??= readText(file));
  const fresh: Line[] = [];
  const gone = new Set<string>();
  const now = (): number => Math.floor(Date.now() / 1000);
  const linesOf = (key: string): Line[] =>
    [...fresh.filter(line => line.key === key).reverse(), ...linesIn(known(), key)]
      .filter(({ seconds, value }) => seconds > now() - ageSecondsMax && !gone.has(`${key} ${value}`));
  return {
    values: key => [...new Set(linesOf(key).map(line => line.value))].slice(0, valuesMax),
    note(key, value) {
      if (!/^[\x20-\x7e]{1,400}$/.test(value) || linesOf(key).some(line => line.value === value && line.seconds > now() - renewalSeconds)) return;
      gone.delete(`${key} ${value}`);
      fresh.push({ seconds: now(), key, value });
    },
    forget(key, value) {
      for (let at = fresh.length - 1; at >= 0; at--) if (fresh[at]!.key === key && fresh[at]!.value === value) fresh.splice(at, 1);
      gone.add(`${key} ${value}`);
    },
    keep() {
      if (fresh.length === 0 && gone.size === 0) return;
      try {
        text = write(file, { fresh, gone, oldestSeconds: now() - ageSecondsMax });
        fresh.length = 0;
        gone.clear();
      } catch (thrown) {
        log.debug(`Cannot keep notes in ${file}: ${(thrown as Error).message}`);
      }
    },
  };
}

function readText(file: string): string {
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    return size === 0 || size > 2 * bytesMax ? "" : readFileSync(file, "latin1");
  } catch (thrown) {
    log.debug(`Cannot read notes in ${file}: ${(thrown as Error).message}`);
    return "";
  }
}

/** Newest first. The text is searched and not parsed: a command wants to know of a few digests among thousands. */
function linesIn(text: string, key: string): Line[] {
  const found: Line[] = [];
  for (let at = text.lastIndexOf(key); at >= 0 && found.length < 4 * valuesMax; at = at === 0 ? -1 : text.lastIndexOf(key, at - 1)) {
    const end = text.indexOf("\n", at);
    const line = end < 0 ? undefined : readLine(text.slice(text.lastIndexOf("\n", at) + 1, end));
    if (line?.key === key) found.push(line);
  }
  return found;
}

function readLine(text: string): Line | undefined {
  const match = /^(\d{1,12}) ([\x21-\x7e]{1,400}) ([\x20-\x7e]{1,400})$/.exec(text);
  return match ? { seconds: Number(match[1]), key: match[2]!, value: match[3]! } : undefined;
}

const textOf = (lines: readonly Line[]): string => lines.map(({ seconds, key, value }) => `${seconds} ${key} ${value}\n`).join("");

interface News {
  readonly fresh: readonly Line[];
  readonly gone: ReadonlySet<string>;
  readonly oldestSeconds: number;
}

/** What others write between this reading and the renaming is lost, which they can bear. */
function write(file: string, { fresh, gone, oldestSeconds }: News): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const added = textOf(fresh);
  if (gone.size === 0 && size + added.length <= bytesMax) {
    appendFileSync(file, added, { mode: 0o600 });
    return readText(file);
  }
  const kept = readText(file).split("\n").flatMap(text => {
    const line = readLine(text);
    return line === undefined || line.seconds <= oldestSeconds || gone.has(`${line.key} ${line.value}`) ? [] : [line];
  });
  let all = textOf([...kept, ...fresh]);
  if (all.length > bytesMax) all = all.slice(all.indexOf("\n", all.length - bytesMax / 2) + 1);
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, all, { mode: 0o600 });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  return all;
}
