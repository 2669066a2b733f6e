// make fuzz: every target with new seeds for FUZZ_SECONDS (default 600); what breaks is printed with its input in base64, for found.json.
// run.ts [TARGET]     Writes out/fuzz/figures.json.

import fc from "fast-check";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { top } from "../fixtures/place.ts";
import { propertyOf } from "./target.ts";
import { targets } from "./targets.ts";

interface Broken {
  readonly target: string;
  readonly input: string;
  readonly what: string;
}

const seconds = Number(process.env["FUZZ_SECONDS"] ?? 600);
const only = process.argv[2] ?? "";
const chosen = targets.filter(({ name }) => name.includes(only));
const figures = new Map(chosen.map(({ name }) => [name, { inputs: 0, broken: [] as Broken[] }]));
const end = Date.now() + seconds * 1000;
/** One that breaks is not asked again and again. */
const brokenMax = 3;

for (let round = 0; Date.now() < end; round++) {
  for (const target of chosen) {
    const figure = figures.get(target.name)!;
    if (Date.now() >= end || figure.broken.length >= brokenMax) continue;
    const details = await fc.check(propertyOf(target), { numRuns: 1000, interruptAfterTimeLimit: Math.max(500, (seconds * 1000) / chosen.length / 4), markInterruptAsFailure: false });
    figure.inputs += details.numRuns;
    if (!details.failed || details.counterexample === null) continue;
    const input = Buffer.from(details.counterexample[0]).toString("base64");
    const what = String(details.errorInstance ?? "").split("\n")[0]!.slice(0, 300);
    figure.broken.push({ target: target.name, input, what });
    console.log(JSON.stringify({ target: target.name, input, what }));
  }
}

mkdirSync(join(top, "out/fuzz"), { recursive: true });
writeFileSync(join(top, "out/fuzz/figures.json"), JSON.stringify(Object.fromEntries(figures), undefined, 2));
const all = [...figures.values()];
console.log(`${all.reduce((sum, { inputs }) => sum + inputs, 0)} inputs to ${chosen.length} targets in ${seconds} s, ${all.reduce((sum, { broken }) => sum + broken.length, 0)} broke something`);
process.exit(all.some(({ broken }) => broken.length > 0) ? 1 : 0);
