// make faults, third part: losses of power, at the end of each command and at any moment of it.
// run-power.ts [LOSSES] [forgetful]: of a disk whose own cache is lost too.     In a world of its own; writes out/faults/power.json.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { top } from "../fixtures/place.ts";
import { makeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { cut, endMachine, newForgetfulMachine, newMachine, pulled, works } from "./power.ts";

const losses = Number(process.argv[2] ?? 200);
const registry = await startRegistry();
await registry.push(makeImage({ layers: [busyboxLayer()] }), "base");
pulled();
const machine = process.argv[3] === "forgetful" ? newForgetfulMachine() : newMachine();
const found: Record<string, { losses: number; problems: string[] }> = {};
for (let number = 0; number < losses; number++) {
  const work = works[number % works.length]!;
  const atEnd = Math.floor(number / works.length) % 3 === 0;
  const problems = await cut(machine, work, atEnd ? undefined : 5 + Math.random() * 150);
  const one = (found[work.name] ??= { losses: 0, problems: [] });
  one.losses++;
  one.problems.push(...problems);
  for (const problem of problems) console.log(`${work.name}: ${problem}`);
}
endMachine(machine);
await registry.stop();
const all = Object.values(found).flatMap(({ problems }) => problems);
console.log(`${losses} losses of power over ${works.length} commands, ${all.length} with a problem`);
mkdirSync(join(top, "out/faults"), { recursive: true });
writeFileSync(join(top, "out/faults/power.json"), JSON.stringify(found, undefined, 2));
process.exit(all.length > 0 ? 1 : 0);
