// Checkpoint, restore, export and import beside podman with the same runtime and criu, and what a fork costs beside a cold start.
// Usage: bun tools/bench-checkpoint.ts     Needs root, and podman in PATH or in a root file system at $PEERS/forky.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const top = path.resolve(import.meta.dir, "..");
const peers = process.env["PEERS"] ?? path.join(os.homedir(), ".cache", "coracle-peers");
const image = "127.0.0.1:5000/perl:latest";
const times = Number(process.env["TIMES"] ?? 7);

interface Program {
  readonly name: "ours" | "podman";
  readonly path: string;
}

interface Sample {
  readonly ms: number;
  /** What is criu's and the runtime's of it, where the program says so. */
  readonly runtimeMs: number;
}

function call(program: Program, words: readonly string[]): string {
  const ran = Bun.spawnSync([program.path, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${program.path} ${words.join(" ")}: status ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout.toString().trim();
}

function timed(program: Program, words: readonly string[]): Sample {
  const begun = performance.now();
  const said = call(program, words);
  const ms = performance.now() - begun;
  const us = /"runtime_(?:checkpoint|restore)_duration": (\d+)/.exec(said)?.[1];
  return { ms, runtimeMs: us === undefined ? Number.NaN : Number(us) / 1000 };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** A table of 200,000 rows in memory, a listening socket, and a file that it wrote. */
const service = `my %t = map { $_ => "row $_ " x 8 } 1..200_000; open(F, ">/data") && print F "x" x 5_000_000; close F;
  socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(5432, INADDR_ANY)); listen(S, 9); $| = 1; print "ready\\n"; while (1) { sleep 1 }`;

/** A cold start: until the service says that it is ready. */
function startService(program: Program, name: string): number {
  const begun = performance.now();
  call(program, ["run", "-d", "--name", name, image, "perl", "-MSocket", "-e", service]);
  while (!call(program, ["logs", name]).includes("ready")) Bun.sleepSync(10);
  return performance.now() - begun;
}

type Acts = Record<"checkpoint" | "restore" | "export" | "import", Sample[]>;

function round(program: Program, acts: Acts): void {
  const file = "/tmp/bench-checkpoint.tar";
  acts.checkpoint.push(timed(program, ["container", "checkpoint", "--print-stats", "db"]));
  acts.restore.push(timed(program, ["container", "restore", "--print-stats", "db"]));
  acts.export.push(timed(program, ["container", "checkpoint", "--print-stats", "--export", file, "db"]));
  call(program, ["rm", "db"]);
  acts.import.push(timed(program, ["container", "restore", "--print-stats", "--import", file]));
}

const shown = (value: number): string => (Number.isNaN(value) ? "-" : String(Math.round(value)));

function report(name: string, ours: readonly Sample[], podman: readonly Sample[] | undefined): void {
  const [own, runtime] = [median(ours.map(({ ms }) => ms)), median(ours.map(({ runtimeMs }) => runtimeMs))];
  const peer = podman ? median(podman.map(({ ms }) => ms)) : Number.NaN;
  const ratio = Number.isNaN(peer) ? "" : ` ${(own / peer).toFixed(2)} (aim 0.8)`;
  console.log(`${name.padEnd(12)} ours ${shown(own).padStart(5)} ms, of it in runtime, criu, network and mounts ${shown(runtime).padStart(5)}   podman ${shown(peer).padStart(5)}  ${ratio}`);
}

/** Copies of the running service, each against a cold start of it. */
function benchFork(ours: Program, coldMs: number): void {
  const copies = 8;
  const begun = performance.now();
  call(ours, ["container", "fork", "db", "-n", String(copies)]);
  const each = (performance.now() - begun) / copies;
  console.log(`fork         ${copies} copies, ${shown(each)} ms each; a cold start ${shown(coldMs)} ms: ${(each / coldMs).toFixed(2)} (aim 0.25)`);
}

async function inside(): Promise<void> {
  const { startRegistry } = await import("../tests/fixtures/registry.ts");
  const { perl } = await import("../tests/fixtures/images.ts");
  const registry = await startRegistry();
  await registry.push(perl(), "perl");
  const ours: Program = { name: "ours", path: path.join(top, "out/bin/podman") };
  const peer = Bun.which("podman", { PATH: "/usr/local/bin:/usr/bin:/bin" });
  const all: Program[] = [ours, ...(peer ? [{ name: "podman" as const, path: peer }] : [])];
  const acts = new Map(all.map(({ name }) => [name, { checkpoint: [], restore: [], export: [], import: [] } as Acts]));
  let coldMs = 0;
  for (const program of all) {
    call(program, ["pull", "-q", image]);
    const cold = startService(program, "db");
    if (program === ours) coldMs = cold;
  }
  for (let turn = 0; turn < times; turn++) for (const program of turn % 2 ? [...all].reverse() : all) round(program, acts.get(program.name)!);
  for (const name of ["checkpoint", "restore", "export", "import"] as const) report(name, acts.get("ours")![name], acts.get("podman")?.[name]);
  benchFork(ours, coldMs);
  for (const program of all) Bun.spawnSync([program.path, "rm", "-fa", "-t", "0"]);
  await registry.stop();
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

/** Makes the namespaces and starts itself in them. */
async function outside(): Promise<number> {
  const root = path.join(peers, "forky");
  const there = fs.existsSync(path.join(root, "usr/bin/podman"));
  const folder = fs.mkdtempSync(path.join(top, "out", "bench-"));
  const leaf = ownLeaf();
  const child = Bun.spawn([...leaf.enter, "unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
    path.join(top, "tests/fixtures/peer-world.sh"), folder, there ? root : "", "env", "CORACLE_BENCH=inside", `TIMES=${times}`, "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
    process.execPath, import.meta.path], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const status = await child.exited;
  Bun.spawnSync(["rm", "-rf", "--one-file-system", folder]);
  leaf.leave();
  return status;
}

if (process.env["CORACLE_BENCH"] === "inside") await inside();
else process.exit(await outside());
