// make faults: kills commands at every call that changes anything, and by chance, as often as is asked for; prints what it found.
// run.ts [KILLS] [OPERATION] [SHARE of kills at any moment]     In a world of its own; writes out/faults/kills.json.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok } from "../fixtures/coracle.ts";
import { top } from "../fixtures/place.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { killAfter, killAt, leakedBytes, pointsOf, type Killed } from "./kills.ts";
import { makeOperations, otherOperations, type Operation } from "./operations.ts";
import { traces } from "./traces.ts";

const [wanted = "1000", only = "", share = "0.1"] = process.argv.slice(2);
/** By chance rather than at a call. */
const chanceShare = Number(share);

interface Found {
  readonly operation: string;
  readonly calls: number;
  readonly kills: number;
  readonly failures: readonly Killed[];
}

/** At each call where there are kills enough, else at calls evenly apart; and some at any moment. */
async function killOften(operation: Operation, killsMax: number): Promise<Found> {
  const points = pointsOf(operation);
  const atCalls = Math.min(points.length, Math.ceil(killsMax * (1 - chanceShare)));
  const done: Killed[] = [];
  for (let number = 0; number < killsMax; number++) {
    const before = traces();
    const at = points[Math.floor((number * points.length) / atCalls)]!;
    const killed = number < atCalls ? await killAt(operation, at, before) : await killAfter(operation, 10 + Math.random() * 400, before);
    if (killed.problems.length > 0) console.log(`${operation.name} at ${killed.at?.call ?? "some moment"} ${killed.at?.count ?? ""}: ${killed.problems.join("; ")}`);
    done.push(killed);
  }
  return { operation: operation.name, calls: points.length, kills: done.filter(({ wasKilled }) => wasKilled).length, failures: done.filter(({ problems }) => problems.length > 0) };
}

const registry = await startRegistry();
const all = [...(await makeOperations(registry)), ...otherOperations()];
ok("run", "-d", "-p", "8080:80", "127.0.0.1:5000/base:latest", "sleep", "100");
ok("rm", "-fa", "-t", "0");
const operations = all.filter(({ name }) => name === only || only === "");
const found: Found[] = [];
const before = traces();
for (const operation of operations) {
  const begun = performance.now();
  const result = await killOften(operation, Math.ceil(Number(wanted) / operations.length));
  found.push(result);
  console.log(`${result.operation}: ${result.kills} kills over ${result.calls} calls, ${result.failures.length} with a problem, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}
const leaked = leakedBytes(before);
for (const line of leaked) console.log(`leaked: ${line}`);
mkdirSync(join(top, "out/faults"), { recursive: true });
writeFileSync(join(top, "out/faults/kills.json"), JSON.stringify({ found, leaked }, undefined, 2));
await registry.stop();
process.exit(found.some(({ failures }) => failures.length > 0) || leaked.length > 0 ? 1 : 0);
