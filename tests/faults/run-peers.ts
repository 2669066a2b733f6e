// The same kills on whatever podman, buildah and skopeo PATH leads to, counted by what is wrong afterwards: the originals', in a root of theirs, or ours.
// PEER_ROOT=DIR run.sh BUN run-peers.ts KILLS-EACH [OPERATION…]     In a world of its own; writes out/faults/peers.json.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { top } from "../fixtures/place.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { killAfter, killAt, leakedBytes, pointsOf, type Killed } from "./kills.ts";
import { makeOperations, otherOperations, type Operation } from "./operations.ts";
import { traces } from "./traces.ts";

const [each = "20", ...only] = process.argv.slice(2);
const chanceShare = 0.2;
/** Of those that the originals have in the same words; checkpoints need a criu that works there. */
const names = ["pull", "load", "rmi", "tag", "build", "commit", "run", "run with a network", "run -d", "start", "stop", "rm", "prune", "network connect", "volume import", "save"];

interface Found {
  readonly operation: string;
  readonly kills: number;
  /** Kills after which something was wrong. */
  readonly wrong: number;
  readonly problems: Readonly<Record<string, number>>;
  /** In the store, after everything has been removed and pruned. */
  readonly files: readonly string[];
}

/** The first words of a problem, without what is different each time. */
const kindOf = (problem: string): string => problem.replace(/[0-9a-f]{12,}/g, "ID").replace(/\/\S+/g, "PATH").replace(/\d+/g, "N").split("\n")[0]!.slice(0, 160);

async function kill(operation: Operation, count: number): Promise<Killed[]> {
  const points = pointsOf(operation);
  const atCalls = Math.ceil(count * (1 - chanceShare));
  const done: Killed[] = [];
  for (let number = 0; number < count; number++) {
    const before = traces();
    const at = points[Math.floor((number * points.length) / atCalls)]!;
    done.push(number < atCalls ? await killAt(operation, at, before) : await killAfter(operation, 20 + Math.random() * 500, before));
  }
  return done;
}

/** A store that nobody can clean is made anew, and what still runs in this world is ended, so that what comes next is judged for itself. */
function startAfresh(): void {
  for (const words of [["pkill", "-KILL", "-x", "conmon|crun|sleep"], ["umount", "-l", "/var/lib/containers/storage/overlay"], ["sh", "-c", "rm -rf /var/lib/containers/storage/* /run/containers/storage /run/libpod"]]) run(words);
}

async function judge(operation: Operation): Promise<Found> {
  const before = traces();
  const killed = (await kill(operation, Number(each))).filter(({ wasKilled }) => wasKilled);
  const leaked = leakedBytes(before);
  const problems: Record<string, number> = {};
  for (const problem of [...killed.flatMap(one => [...new Set(one.problems.map(kindOf))]), ...leaked.filter(line => !line.startsWith("files: ")).map(kindOf)]) problems[problem] = (problems[problem] ?? 0) + 1;
  return { operation: operation.name, kills: killed.length, wrong: killed.filter(one => one.problems.length > 0).length, problems, files: leaked.filter(line => line.startsWith("files: ")) };
}

const registry = await startRegistry();
const all = [...(await makeOperations(registry)).filter(({ name }) => names.includes(name)), ...otherOperations()];
ok("run", "-d", "-p", "8080:80", "127.0.0.1:5000/base:latest", "sleep", "100");
ok("rm", "-fa", "-t", "0");
const found: Found[] = [];
for (const operation of all.filter(({ name }) => only.includes(name) || only.length === 0)) {
  try {
    const one = await judge(operation);
    if (Object.keys(one.problems).some(problem => problem.startsWith("processes"))) startAfresh();
    found.push(one);
    console.log(`${one.operation}: ${one.kills} kills, ${one.wrong} with a problem, ${one.files.length} files left in the store for good ${JSON.stringify(one.problems)}`);
  } catch (thrown) {
    console.log(`${operation.name}: given up: ${(thrown as Error).message.slice(0, 600)}`);
    startAfresh();
  }
  if (podman("volume", "exists", "stuff").status !== 0) podman("volume", "create", "stuff");
}
mkdirSync(join(top, "out/faults"), { recursive: true });
writeFileSync(join(top, "out/faults/peers.json"), JSON.stringify(found, undefined, 2));
await registry.stop();
