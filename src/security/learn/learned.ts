// What was learned of a program so far, over all of its runs: kept beside the policies that are made of it.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";
import { asRecord, findList, findText, findTexts, needWhole, parseJson, type Subject } from "../../base/shape.ts";
import type { AvcRule } from "../udica/avc.ts";
import { checkWord } from "../udica/words.ts";

export interface Learned {
  readonly runs: number;
  readonly systemCalls: readonly string[];
  /** Such as "CAP_CHOWN". */
  readonly capabilities: readonly string[];
  /** Why the list above says nothing; absent where it is one. */
  readonly capabilitiesUnknown?: string;
  /** What SELinux denied, or would have. */
  readonly denials: readonly AvcRule[];
}

export const nothingLearned: Learned = { runs: 0, systemCalls: [], capabilities: [], denials: [] };

const fileBytesMax = 4 * 1024 * 1024;
const wordsMax = 4096;

export interface LearnedPlaces {
  readonly notes: string;
  readonly profile: string;
  readonly policy: string;
}

export const placesOf = (directory: string, name: string): LearnedPlaces => ({
  notes: `${directory}/${name}.learned.json`, profile: `${directory}/${name}.seccomp.json`, policy: `${directory}/${name}.cil`,
});

/** @throws Fault "input.malformed" for a file that we did not write */
export function readLearned(file: string): Learned {
  if (!existsSync(file)) return nothingLearned;
  const subject: Subject = { what: file, code: "input.malformed" };
  const fields = asRecord(parseJson(readFileSync(file), subject, fileBytesMax), subject);
  const words = (name: string): string[] => (findTexts(fields, name, subject, wordsMax) ?? []).map(word => checkWord(word, `a word of "${name}"`));
  const unknown = findText(fields, "capabilitiesUnknown", subject);
  return {
    runs: needWhole(fields, "runs", subject),
    systemCalls: words("systemCalls"),
    capabilities: words("capabilities"),
    ...(unknown === undefined ? {} : { capabilitiesUnknown: unknown }),
    denials: findList(fields, "denials", subject, wordsMax).map(item => readDenial(item, subject)),
  };
}

function readDenial(value: unknown, subject: Subject): AvcRule {
  const fields = asRecord(value, subject, "a denial");
  const word = (name: string): string => checkWord(findText(fields, name, subject) ?? "", `"${name}" of a denial`);
  return { source: word("source"), target: word("target"), class: word("class"), permissions: (findTexts(fields, "permissions", subject, 256) ?? []).map(permission => checkWord(permission, "a permission")) };
}

/** Whole or not at all. */
export function writeWhole(file: string, text: string): void {
  try {
    writeFileSync(`${file}.${process.pid}`, text, { mode: 0o644 });
    renameSync(`${file}.${process.pid}`, file);
  } catch (cause) {
    throw new Fault("system.failed", `cannot write "${file}": ${reasonOf(cause)}`, { cause });
  }
}

const union = (one: readonly string[], other: readonly string[]): string[] => [...new Set([...one, ...other])].sort();

/** The one with the other; runs add up. */
export function merged(before: Learned, seen: Learned): Learned {
  const denials = new Map(before.denials.map(rule => [keyOf(rule), rule]));
  for (const rule of seen.denials) denials.set(keyOf(rule), { ...rule, permissions: [...new Set([...denials.get(keyOf(rule))?.permissions ?? [], ...rule.permissions])] });
  const unknown = seen.capabilitiesUnknown ?? before.capabilitiesUnknown;
  return {
    runs: before.runs + seen.runs,
    systemCalls: union(before.systemCalls, seen.systemCalls),
    capabilities: union(before.capabilities, seen.capabilities),
    ...(unknown === undefined ? {} : { capabilitiesUnknown: unknown }),
    denials: [...denials.values()],
  };
}

const keyOf = (rule: AvcRule): string => `${rule.target} ${rule.class}`;

/** How much is known, to tell whether a run brought something new. */
export const sizeOf = ({ systemCalls, capabilities, denials }: Learned): number =>
  systemCalls.length + capabilities.length + denials.reduce((sum, rule) => sum + rule.permissions.length, 0);

/** The options by which a container is confined to what was learned. */
export function optionsFor(learned: Learned, { name, directory, hasPolicy }: { name: string; directory: string; hasPolicy: boolean }): string[] {
  const capabilities = learned.capabilitiesUnknown === undefined
    ? ["--cap-drop all", ...learned.capabilities.map(word => `--cap-add ${word.replace(/^CAP_/, "").toLowerCase()}`)] : [];
  return [...(hasPolicy ? [`--security-opt label=type:${name}.process`] : []), `--security-opt seccomp=${placesOf(directory, name).profile}`, ...capabilities];
}
