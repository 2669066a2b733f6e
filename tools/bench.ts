// `make bench`: our binary beside the originals, interleaved in one run; writes docs/benchmarks.md and docs/benchmarks.json.
// Usage: bun tools/bench.ts [WORD…]     only the rows whose name, or whose phase's, holds a WORD, to the terminal.
// PEERS names the folder of the peers' root; BENCH_TIMES=1 runs each row once, to see that all of them run.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { compareUdica } from "./bench-udica.ts";
import { needDatabaseRoot } from "./bench/database.ts";
import { allowLimits, startRegistries, writeContexts, writeDatabaseContext } from "./bench/inputs.ts";
import { compare, figureOf, monitorMegabytes, prepare, type Program, type Result } from "./bench/measure.ts";
import { measureFloors } from "./bench/floors.ts";
import { report, rowOf } from "./bench/report.ts";
import { image, phases, type Phase } from "./bench/rows.ts";
import { makeUsers } from "./bench/user.ts";

const top = path.resolve(import.meta.dir, "..");
const peers = process.env["PEERS"] || path.join(process.env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache"), "coracle-peers");

/** Outside: makes the namespaces and starts itself in them. */
async function outside(words: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0) throw new Error("the benchmark needs root: it makes network name spaces and mounts");
  const root = path.join(peers, "forky");
  const there = fs.existsSync(path.join(root, "usr/bin/podman"));
  if (!there && !Bun.which("podman")) console.log(`no podman in PATH and none in ${root}: measuring ours alone`);
  const folder = fs.mkdtempSync(path.join(top, "out", "bench-"));
  // Here, where its Python is: inside is the peers' own root.
  const udica = words.length === 0 || words.some(word => "udica -j".includes(word)) ? udicaResult() : undefined;
  if (udica && words.length > 0) console.error(rowOf(udica));
  if (chosenPhases(words).some(({ name }) => name === "fork")) needDatabaseRoot();
  const leaf = ownLeaf();
  const child = Bun.spawn([...leaf.enter, "unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
    path.join(top, "tests/fixtures/peer-world.sh"), folder, there ? root : "", "env", "CORACLE_BENCH=inside", `CORACLE_BENCH_UDICA=${JSON.stringify(udica ?? null)}`, "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
    `BENCH_TIMES=${process.env["BENCH_TIMES"] ?? ""}`,
    process.execPath, path.join(top, "tools/bench.ts"), ...words], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const status = await child.exited;
  Bun.spawnSync(["rm", "-rf", "--one-file-system", folder]);
  leaf.leave();
  return status;
}

/**
 * A leaf of its own in the v2 tree of a machine that has v1 groups too: criu takes down the tree from where its processes are, and in the
 * tree's root the original's restore fails where anybody has given controllers on.
 */
function ownLeaf(): { enter: string[]; leave(): void } {
  const leaf = `/sys/fs/cgroup/unified/coracle-bench-${process.pid}`;
  if (!fs.existsSync("/sys/fs/cgroup/unified/cgroup.procs")) return { enter: [], leave: () => {} };
  fs.mkdirSync(leaf, { recursive: true });
  return { enter: ["sh", "-c", `echo $$ >${leaf}/cgroup.procs; exec "$@"`, "sh"], leave: () => void Bun.spawnSync(["find", leaf, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"], { stderr: "ignore" }) };
}

function udicaResult(): Result | undefined {
  const found = compareUdica();
  if (!found) return undefined;
  const samples = (times: readonly number[], argv: readonly string[]) => {
    const launcher = path.join(top, "tools/peak-memory.pl");
    const ran = Bun.spawnSync(["bash", "-c", 'exec 4>&1; perl "$@" 3>&4 >/dev/null 2>&1', "bash", launcher, ...argv], { stdin: "ignore", cwd: found.folder });
    const peakKibibytes = Number(ran.stdout.toString().split(" ")[0]);
    return times.map(ms => ({ ms, peakKibibytes }));
  };
  const result = {
    name: "udica -j (beside the original in Python)", aim: 0.1,
    ours: figureOf(samples(found.oursMs, found.ours)), peer: figureOf(samples(found.theirsMs, found.theirs)),
  };
  fs.rmSync(found.folder, { recursive: true });
  return result;
}

function programs(): Program[] {
  const found: Program[] = [{ name: "ours", folder: path.join(top, "out/bin") }];
  const peer = Bun.which("podman", { PATH: "/usr/local/bin:/usr/bin:/bin" });
  return peer ? [...found, { name: "peer", folder: path.dirname(peer) }] : found;
}

/** The phases with only the rows that were asked for. */
function chosenPhases(words: readonly string[]): Phase[] {
  const isAsked = (phase: Phase, name: string): boolean => words.length === 0 || words.some(word => name.includes(word) || phase.name === word);
  return phases.map(phase => ({ ...phase, rows: phase.rows.filter(row => isAsked(phase, row.name)) })).filter(({ rows }) => rows.length > 0);
}

function runPhase(phase: Phase, all: readonly Program[]): Result[] {
  try {
    if (phase.name === "rootless") all = makeUsers(all);
    for (const program of all) prepare(program, phase.begin);
  } catch (thrown) {
    console.error(`the phase "${phase.name}" cannot begin: ${(thrown as Error).message}`);
    return phase.rows.map(({ name, aim }) => ({ name, aim, failure: (thrown as Error).message.replace(/\s+/g, " ") }));
  }
  const results = phase.rows.map(row => {
    const result = compare(row, all);
    console.error(rowOf(result));
    return result;
  });
  for (const program of all) prepare(program, phase.end, { quietly: true });
  return results;
}

async function inside(words: readonly string[]): Promise<number> {
  const chosen = chosenPhases(words);
  const names = chosen.map(({ name }) => name);
  const all = programs();
  allowLimits();
  if (names.includes("build")) writeContexts();
  if (names.includes("fork")) writeDatabaseContext();
  const stop = await startRegistries(names);
  try {
    const results = chosen.flatMap(phase => runPhase(phase, all));
    const udica = JSON.parse(process.env["CORACLE_BENCH_UDICA"] ?? "null") as Result | null;
    if (words.includes("floors")) console.log(measureFloors(all[0]!).map(({ name, ms }) => `${ms} ms  ${name}`).join("\n"));
    if (words.length > 0) return 0;
    const monitors = all.map(program => monitorMegabytes(program, image));
    const version = (tool: string): string => all[1] ? Bun.spawnSync([`${all[1].folder}/${tool}`, "--version"]).stdout.toString().trim() : "";
    report({ floors: measureFloors(all[0]!), results: udica ? [...results, udica] : results, peers: ["podman", "skopeo"].map(version).filter(Boolean).join(" and "), monitors });
  } finally {
    await stop();
  }
  return 0;
}

const inWorld = process.env["CORACLE_BENCH"] === "inside";
process.exit(await (inWorld ? inside : outside)(process.argv.slice(2)));
