// Measuring: each row turn about, by a small launcher that tells time and peak memory of each run; programs and system calls are counted in a run of their own.

import * as fs from "node:fs";
import * as path from "node:path";
import type { Row } from "./rows.ts";
import { asUser, runDirectoryOf } from "./user.ts";

const top = path.resolve(import.meta.dir, "../..");

export interface Program {
  readonly name: "ours" | "peer";
  /** Where its podman, buildah and skopeo lie. */
  readonly folder: string;
}

export interface Figure {
  readonly medianMs: number;
  readonly bestMs: number;
  readonly worstMs: number;
  /** Of the largest process. */
  readonly peakMegabytes: number;
  /** Programs started by it, itself included; absent where nobody can count. */
  readonly processes?: number;
  /** System calls of all its processes. */
  readonly calls?: number;
  /** Of the median run, what was the runtime's, criu's, the network's and the mounts'; where the row tells. */
  readonly insideMs?: number;
}

export interface Result {
  readonly name: string;
  readonly aim: number;
  readonly ours?: Figure;
  readonly peer?: Figure;
  /** Why it was not measured. */
  readonly failure?: string;
}

const quietMs = 250;
let runs = 0;

const environment = (program: Program, number: number): NodeJS.ProcessEnv => ({
  ...process.env, U: asUser(program).join(" "), X: runDirectoryOf(program), P: `${program.folder}/podman`, B: `${program.folder}/buildah`, K: `${program.folder}/skopeo`, N: `${program.name}-${number}`,
});

export const argvOf = (program: Program, { words, script, peerScript, isUsers }: Row): string[] => {
  if (words && isUsers) return [...asUser(program), `${program.folder}/podman`, ...words];
  if (program.name === "peer" && peerScript) return ["sh", "-ec", peerScript];
  return words ? [`${program.folder}/podman`, ...words] : ["sh", "-ec", script!];
};

/** A line for sh, unmeasured. @throws with what it said */
export function prepare(program: Program, line: string | undefined, { number = runs, quietly = false } = {}): void {
  if (line === undefined) return;
  const ran = Bun.spawnSync(["sh", "-c", line], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: environment(program, number) });
  if (ran.exitCode !== 0 && !quietly) throw new Error(`${program.name}: ${line}: status ${ran.exitCode}: ${ran.stderr.toString().slice(-300)}`);
}

interface Sample {
  readonly ms: number;
  readonly peakKibibytes: number;
  readonly insideMs?: number | undefined;
}

function measureOnce(program: Program, row: Row): Sample {
  const number = ++runs;
  prepare(program, row.before, { number, quietly: true });
  if (row.waits) Bun.sleepSync(quietMs);
  const errors = "/tmp/bench-errors";
  const output = row.inside ? "/tmp/bench-output" : "/dev/null";
  const ran = Bun.spawnSync(["bash", "-c", `exec 4>&1; perl "$@" 3>&4 >${output} 2>${errors}`, "bash", path.join(top, "tools/peak-memory.pl"), ...argvOf(program, row)], {
    stdin: "ignore", stdout: "pipe", env: { ...environment(program, number), PEAK_TIME: "1" },
  });
  prepare(program, row.after, { number, quietly: true });
  if (ran.exitCode !== 0) throw new Error(`${program.name}: status ${ran.exitCode}: ${fs.readFileSync(errors, "utf8").trim().slice(-300)}`);
  const [peakKibibytes, ms] = ran.stdout.toString().split(" ").map(Number);
  const microseconds = row.inside?.exec(fs.readFileSync(output, "utf8"))?.[1];
  return { peakKibibytes: peakKibibytes!, ms: ms!, insideMs: microseconds === undefined ? undefined : Number(microseconds) / 1000 };
}

/** What one run starts and asks of the kernel; what conmon starts afterwards may or may not be among it. */
interface Counts {
  readonly processes: number;
  readonly calls: number;
}

/** By strace, where it is. */
function countsOf(program: Program, row: Row): Counts | undefined {
  const strace = Bun.which("strace", { PATH: "/usr/bin:/bin" });
  if (!strace || row.times < 5 || row.outlived) return undefined;
  const number = ++runs;
  prepare(program, row.before, { number, quietly: true });
  const log = `/tmp/bench-strace-${number}`;
  Bun.spawnSync([strace, "-f", "-qq", "-c", "-U", "calls,errors,name", "-o", log, ...argvOf(program, row)], { stdin: "ignore", env: environment(program, number) });
  prepare(program, row.after, { number, quietly: true });
  const rows = fs.readFileSync(log, "utf8").split("\n").map(line => /^\s*(\d+)\s+(\d+)?\s*(\w+)$/.exec(line)).filter(found => found !== null && found[3] !== "total");
  fs.rmSync(log);
  const started = rows.find(found => found![3] === "execve");
  const shells = row.words ? 0 : 1;
  return { calls: rows.reduce((sum, found) => sum + Number(found![1]), 0), processes: Number(started?.[1] ?? 0) - Number(started?.[2] ?? 0) - shells };
}

/** Turn about, the order swapped each time; one unmeasured run each before where that is cheap. */
export function compare(row: Row, all: readonly Program[]): Result {
  const samples: Record<Program["name"], Sample[]> = { ours: [], peer: [] };
  const times = Math.min(row.times, Number(process.env["BENCH_TIMES"]) || row.times);
  try {
    if (times > 4) for (const program of all) measureOnce(program, row);
    for (let turn = 0; turn < times; turn++) {
      for (const program of turn % 2 ? [...all].reverse() : all) samples[program.name].push(measureOnce(program, row));
    }
    const figures = all.map(program => figureOf(samples[program.name], countsOf(program, row)));
    return { name: row.name, aim: row.aim, ours: figures[0]!, ...(figures[1] ? { peer: figures[1] } : {}) };
  } catch (thrown) {
    return { name: row.name, aim: row.aim, failure: (thrown as Error).message.replace(/\s+/g, " ") };
  }
}

export function figureOf(samples: readonly Sample[], counts?: Counts): Figure {
  const inside = samples.map(({ insideMs }) => insideMs).filter(ms => ms !== undefined).sort((a, b) => a - b);
  const sorted = samples.map(({ ms }) => ms).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const peak = Math.max(...samples.map(({ peakKibibytes }) => peakKibibytes));
  return {
    medianMs: round(median), bestMs: round(sorted[0]!), worstMs: round(sorted.at(-1)!), peakMegabytes: round((peak * 1024) / 1e6),
    ...counts, ...(inside.length === 0 ? {} : { insideMs: round(inside[inside.length >> 1]!) }),
  };
}

/** MB that one running container keeps, all of its monitor, its share of what others map too; the program itself apart. */
export function monitorMegabytes(program: Program, image: string): number {
  const count = 20;
  prepare(program, `for n in $(seq ${count}); do $P run -d --network none ${image} sleep 100000; done`);
  Bun.sleepSync(1000);
  let kibibytes = 0;
  for (const pid of fs.readdirSync("/proc").filter(name => /^\d+$/.test(name))) {
    try {
      if (!/^(conmon|podman|coracle)$/.test(fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim())) continue;
      kibibytes += Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      // It has just ended.
    }
  }
  prepare(program, "$P rm -fa -t 0", { quietly: true });
  return round((kibibytes * 1024) / 1e6 / count);
}

const round = (value: number): number => Math.round(value * 100) / 100;
