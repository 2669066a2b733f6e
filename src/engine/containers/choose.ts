// From what a person wrote (names, --all, --latest, --filter, --cidfile) to containers, and from acts on them to outcomes.

import { readFileSync } from "node:fs";
import { Fault, errnoOf, reasonOf } from "../../base/fault.ts";
import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { findWorking } from "../working/records.ts";
import { matches } from "./filters.ts";
import { find, latest } from "./lookup.ts";

/** One container with what to call it in the answer. */
export interface Chosen {
  readonly target: string;
  readonly record: ContainerRecord;
}

export interface ChoiceRules {
  /** Whether --all takes this one; default every one. */
  readonly all?: (record: ContainerRecord) => boolean;
  readonly missing?: (name: string) => Fault;
}

const noSuch = (name: string): Fault =>
  new Fault("container.not-found", `no container with name or ID "${name}" found: no such container`);

/** Buildah's working containers are meant where no container of podman's has the name. */
export function apart(host: Host, all: readonly string[]): { names: string[]; external: string[] } {
  const isExternal = (name: string): boolean => name !== "" && find(host, name) === undefined && findWorking(host, name) !== undefined;
  return { names: all.filter(name => !isExternal(name)), external: all.filter(isExternal) };
}

/** The ID in a --cidfile. @throws Fault "system.not-found", worded as podman does */
function readCidfile(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n")[0]!.trim();
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new Fault("system.not-found", `reading CIDFile: open ${file}: ${reason}`, { cause });
  }
}

function namesOf(choice: Choice): string[] {
  const names = [...(choice.names ?? [])];
  for (const file of choice.cidfiles ?? []) {
    try {
      names.push(readCidfile(file));
    } catch (thrown) {
      if (!choice.ignore || !(thrown instanceof Fault && errnoOf(thrown.cause) === "ENOENT")) throw thrown;
    }
  }
  return names;
}

/** In the order written, or of creation. Each container once. @throws Fault for the first name that is no container's, before anything is done to others */
export function choose(host: Host, choice: Choice, rules: ChoiceRules = {}): Chosen[] {
  const { filters = [] } = choice;
  const wholeNames = choice.all || (filters.length > 0 && !choice.names?.length);
  if (wholeNames) {
    const all = host.state.containers().filter(rules.all ?? (() => true));
    return matches(host, all, filters).map(record => ({ target: record.id, record }));
  }
  if (choice.latest) {
    const record = latest(host);
    return [{ target: record.id, record }];
  }
  const chosen = named(host, choice, rules.missing ?? noSuch);
  if (filters.length === 0) return chosen;
  const passing = new Set(matches(host, chosen.map(({ record }) => record), filters).map(({ id }) => id));
  return chosen.filter(({ record }) => passing.has(record.id));
}

function named(host: Host, choice: Choice, missing: (name: string) => Fault): Chosen[] {
  const chosen = new Map<string, Chosen>();
  for (const target of namesOf(choice)) {
    const record = find(host, target);
    if (!record && !choice.ignore) throw missing(target);
    if (record && !chosen.has(record.id)) chosen.set(record.id, { target, record });
  }
  return [...chosen.values()];
}

/** Acts on each in turn; a Fault of one does not stop the others. */
export async function onEach<T extends Outcome = Outcome>(
  chosen: readonly Chosen[],
  act: (record: ContainerRecord) => Promise<Partial<T> | void>,
): Promise<T[]> {
  const outcomes: T[] = [];
  for (const { target, record } of chosen) outcomes.push(await outcomeOf(target, record, act));
  return outcomes;
}

/** The same, side by side; for acts that wait for the container. */
export async function onAll<T extends Outcome = Outcome>(
  chosen: readonly Chosen[],
  act: (record: ContainerRecord) => Promise<Partial<T> | void>,
): Promise<T[]> {
  return Promise.all(chosen.map(({ target, record }) => outcomeOf(target, record, act)));
}

async function outcomeOf<T extends Outcome>(
  target: string,
  record: ContainerRecord,
  act: (record: ContainerRecord) => Promise<Partial<T> | void>,
): Promise<T> {
  try {
    return { target, id: record.id, ...(await act(record)) } as T;
  } catch (thrown) {
    if (thrown instanceof Fault) return { target, id: record.id, fault: thrown } as T;
    throw thrown;
  }
}
