// Lists the options of podman's verbs that no system test names beside their verb.
// Usage: bun tools/untested.ts     one line a verb; the last line counts

import * as fs from "node:fs";
import * as path from "node:path";
import { isGroup, type Contents } from "../src/cli/command.ts";
import { flagName, type FlagTable } from "../src/cli/flag.ts";
import { podman } from "../src/commands/podman.ts";
import type { Invocation } from "../src/commands/verb.ts";

const top = path.resolve(import.meta.dir, "..");

/** Verbs that are one and the same under several names are judged once, under the first; their tests may use any. */
interface Judged {
  readonly names: string[];
  readonly flags: FlagTable;
}

async function verbs(contents: Contents<Invocation>, words: readonly string[], found: Map<unknown, Judged>): Promise<void> {
  for (const [name, entry] of Object.entries(contents)) {
    const at = [...words, name];
    if (isGroup(entry)) await verbs(entry.contents, at, found);
    else {
      const { default: verb } = await entry[1]();
      const known = found.get(verb);
      const names = [at, ...(entry[2]?.aliases ?? []).map(alias => [...words, alias])].map(parts => parts.join(" "));
      if (known) known.names.push(...names);
      else found.set(verb, { names, flags: verb.flags });
    }
  }
}

/** The texts of all tests: a block from one `test(` to the next, with what stands above the first. */
function testBlocks(): string[] {
  const folder = path.join(top, "tests/system");
  return fs.readdirSync(folder).filter(name => name.endsWith(".ts")).flatMap(name => {
    const [head = "", ...blocks] = fs.readFileSync(path.join(folder, name), "utf8").split(/^(?=\s*test\()/m);
    return blocks.map(block => `${head}\n${block}`);
  });
}

/** Verbs that read the line of another one, whose tests hold for them too. */
const readsLineOf: Readonly<Record<string, readonly string[]>> = { create: ["run"], clone: ["update"] };

/** Options whose effect shows only where SELinux enforces: tests/selinux/job.sh runs there. */
const inGuest: Readonly<Record<string, readonly string[]>> = { "container fork": ["--allow-label-loss"], "container restore": ["--allow-label-loss"] };

const escaped = (text: string): string => text.replace(/[^\w-]/g, "\\$&");

/** As a word of its own: in quotes as an argument, or within a line of shell. */
const names = (block: string, word: string): boolean => new RegExp(`["'\`\\s]${escaped(word)}["'\`\\s=]`).test(block);

/** By a fixture of that name, such as `build(directory, "--pull")`. */
const calls = (block: string, verb: string): boolean => new RegExp(`\\b${escaped(verb)}\\(`).test(block);

export interface Untested {
  readonly verb: string;
  readonly options: readonly string[];
}

export async function untested(): Promise<Untested[]> {
  const found = new Map<unknown, Judged>();
  await verbs(podman().contents, [], found);
  const blocks = testBlocks();
  return [...found.values()].map(({ names: verbNames, flags }) => {
    const own = [...new Set(verbNames.map(name => name.split(" ").at(-1)!))];
    const last = [...own, ...own.flatMap(name => readsLineOf[name] ?? [])];
    const judged = blocks.filter(block => last.some(word => names(block, word) || calls(block, word)));
    const options = Object.entries(flags).filter(([, flag]) => !flag.refused && !flag.hidden).flatMap(([key, flag]) => {
      const long = `--${flagName(key)}`;
      const words = [long, `--no-${flagName(key)}`, ...(flag.short ? [`-${flag.short}`] : []), ...(flag.aliases ?? []).map(alias => `--${alias}`)];
      const isNamed = judged.some(block => words.some(word => names(block, word)) || (flag.short !== undefined && new RegExp(`["'\\s]-\\w*${flag.short}\\w*["'\\s]`).test(block)));
      return isNamed || inGuest[verbNames[0]!]?.includes(long) ? [] : [long];
    });
    return { verb: verbNames[0]!, options };
  }).filter(({ options }) => options.length > 0);
}

if (import.meta.main) {
  const all = await untested();
  for (const { verb, options } of all) console.log(`${verb}: ${options.join(" ")}`);
  console.log(`${all.reduce((sum, { options }) => sum + options.length, 0)} options that no test names`);
}
