// Names and IDs of containers: random ones, and what a given one must look like.

import { Fault } from "../../base/fault.ts";
import type { State } from "../state/state.ts";
import words from "./names.json";

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const nameCharactersMax = 255;

/** 64 hex digits. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

const pick = (list: readonly string[]): string => list[crypto.getRandomValues(new Uint32Array(1))[0]! % list.length]!;

/** adjective_surname, with a digit when those that were tried are taken. */
export function randomName(state: Pick<State, "findByName">): string {
  for (let tries = 0; tries < 100; tries++) {
    const name = `${pick(words.adjectives)}_${pick(words.surnames)}${tries < 5 ? "" : tries}`;
    if (!state.findByName(name)) return name;
  }
  return randomId().slice(0, 16);
}

/** The name without the slash that old clients write before it. @throws Fault "usage.invalid" */
export function checkName(written: string): string {
  const name = written.startsWith("/") ? written.slice(1) : written;
  if (namePattern.test(name) && name.length <= nameCharactersMax) return name;
  throw new Fault("usage.invalid", "running container create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
}
