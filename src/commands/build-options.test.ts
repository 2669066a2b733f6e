// Every option of `podman build` and of all of buildah, row by row: it is there and takes a value or none as the original's, or is refused by name with a reason.
// The rows are the originals' own help: docs/data/podman-5.8.6.tsv, docs/data/buildah-1.43.2.tsv.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { isGroup, type Contents, type Persona } from "../cli/command.ts";
import { flagName, type FlagTable } from "../cli/flag.ts";
import { findEntry } from "../cli/program.ts";
import { buildah } from "./buildah.ts";
import { podman } from "./podman.ts";
import type { Invocation } from "./verb.ts";

const rowsOf = (name: string): string[][] =>
  readFileSync(`${import.meta.dir}/../../docs/data/${name}.tsv`, "utf8").trim().split("\n").slice(1).map(line => line.split("\t"));

interface Found {
  readonly flags: FlagTable;
  /** Of a verb that is refused as a whole. */
  readonly refused?: string | undefined;
}

async function flagsOf(contents: Contents<Invocation>, [first = "", ...rest]: readonly string[]): Promise<Found | undefined> {
  const found = findEntry(contents, first)?.entry;
  if (found === undefined) return undefined;
  if (isGroup(found)) return rest.length === 0 ? { flags: {} } : flagsOf(found.contents, rest);
  const { default: verb } = await found[1]();
  return { flags: verb.flags as FlagTable, refused: /^Not in this build: ([^]*)\.$/.exec(verb.about)?.[1] };
}

/** "" when the row is as it should be. */
async function judge(persona: Persona<Invocation>, [command = "", option = "", value = ""]: readonly string[]): Promise<string> {
  const found = command === "(global)" ? { flags: persona.globals } : await flagsOf(persona.contents, command.split(" "));
  if (found === undefined) return "no such command";
  if (found.refused !== undefined) return `refused: ${found.refused}`;
  const long = /--([\w-]+)/.exec(option)?.[1];
  if (long === undefined || long === "help" || long === "version") return "";
  const flag = Object.entries(found.flags).find(([key, one]) => flagName(key) === long || one.aliases?.includes(long))?.[1];
  if (flag === undefined) return "no such option";
  if (flag.refused !== undefined) return flag.refused.length > 8 ? `refused: ${flag.refused}` : "refused without a reason";
  if ((flag.value !== "") !== (value === "yes") && flag.bare === undefined) return `it takes ${flag.value === "" ? "no value" : "a value"}`;
  const short = /^-(\w),/.exec(option)?.[1];
  return short !== undefined && flag.short !== short ? `no short form -${short}` : "";
}

async function judged(persona: Persona<Invocation>, rows: readonly string[][]): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const row of rows) {
    const text = await judge(persona, row);
    if (text !== "") all[`${row[0]} ${row[1]}`] = text;
  }
  return all;
}

const confidential = "refused: confidential workloads are not supported";

test("every option of podman build", async () => {
  const rows = rowsOf("podman-5.8.6").filter(([command]) => command === "build");
  expect(rows.length).toBeGreaterThan(100);
  expect(await judged(podman(), rows)).toEqual({ "build --cw": confidential });
});

test("every option of buildah", async () => {
  const rows = rowsOf("buildah-1.43.2");
  expect(rows.length).toBeGreaterThan(440);
  expect(await judged(buildah(), rows)).toEqual({
    "(global) --imagestore": expect.stringMatching(/^refused: a store of ours is one directory/), "build --cw": confidential, "commit --cw": confidential,
  });
});
