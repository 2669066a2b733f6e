// Copying, looking and mirroring beside skopeo, interleaved in one run in the peers' world, from a registry on loopback.
// Usage: bun tools/bench-copy.ts [WORD…]     only the lines whose name holds a WORD; other tools call `compareCopies`.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { Registry } from "../tests/fixtures/registry.ts";

const top = path.resolve(import.meta.dir, "..");
const peers = process.env["PEERS"] || path.join(process.env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache"), "coracle-peers");

export interface CopyFigure {
  readonly medianMs: number;
  readonly bestMs: number;
  /** Of all its threads; steadier than the time on a busy machine. */
  readonly processorMs: number;
  /** Of the largest process. */
  readonly peakMegabytes: number;
}

export interface CopyResult {
  readonly name: string;
  /** The most that ours may need of skopeo's time. */
  readonly ratioMax: number;
  readonly ours: CopyFigure;
  readonly skopeo?: CopyFigure;
}

interface Line {
  readonly name: string;
  readonly times: number;
  readonly ratioMax: number;
  /** `run` differs in every run, for names that must be new. */
  readonly words: (run: string) => readonly string[];
  /** For sh, before each run and unmeasured. */
  readonly before?: string;
}

const from = "127.0.0.1:5000";
const to = "127.0.0.1:5001";
const open = ["--src-tls-verify=false", "--dest-tls-verify=false"];
const copy = ["copy", "-q", ...open, `docker://${from}/heavy`];
const target = "/var/lib/containers/bench-target";
const clean = `rm -rf ${target} /var/lib/containers/cache /var/cache/containers/coracle-notes; sync`;
const tags = 30;

const lines: readonly Line[] = [
  { name: "copy, registry to registry", times: 5, ratioMax: 0.7, words: run => [...copy, `docker://${to}/copy-${run}`], before: clean },
  { name: "copy within a registry", times: 7, ratioMax: 0.7, words: run => [...copy, `docker://${from}/copy-${run}`], before: clean },
  { name: "copy, registry to dir:", times: 5, ratioMax: 0.7, words: () => [...copy, `dir:${target}`], before: clean },
  { name: "copy, registry to oci:", times: 5, ratioMax: 0.7, words: () => [...copy, `oci:${target}:heavy`], before: clean },
  {
    name: "copy, registry to store", times: 4, ratioMax: 0.7, words: () => [...copy, "containers-storage:localhost/heavy:bench"],
    before: `"$PODMAN" rmi -f localhost/heavy:bench >/dev/null 2>&1; ${clean}`,
  },
  { name: "inspect docker://", times: 15, ratioMax: 0.6, words: () => ["inspect", "--tls-verify=false", `docker://${from}/busybox`] },
  {
    name: `sync of ${tags} tags, nothing new`, times: 7, ratioMax: 0.4,
    words: () => ["sync", ...open, "--src", "docker", "--dest", "docker", `${from}/many`, to],
  },
];

interface Program {
  readonly name: "ours" | "skopeo";
  readonly path: string;
  readonly podman: string;
}

/** Ours alone where the peers have no skopeo. */
export async function compareCopies(words: readonly string[] = []): Promise<readonly CopyResult[]> {
  if (process.getuid?.() !== 0) throw new Error("the benchmark needs root: it makes network name spaces and mounts");
  const root = path.join(peers, "forky");
  const there = fs.existsSync(path.join(root, "usr/bin/skopeo"));
  const folder = fs.mkdtempSync(path.join(top, "out", "bench-copy-"));
  const child = Bun.spawn(["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
    path.join(top, "tests/fixtures/peer-world.sh"), folder, there ? root : "", "env", "CORACLE_BENCH_COPY=inside", "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
    process.execPath, import.meta.path, ...words], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  const status = await child.exited;
  Bun.spawnSync(["rm", "-rf", "--one-file-system", folder]);
  if (status !== 0) throw new Error(`the benchmark of copying ended with status ${status}`);
  return JSON.parse(text) as CopyResult[];
}

/** name | ours ms | skopeo ms | ratio | aim | ours processor ms | skopeo's | ours MB | skopeo's */
export function copyRow({ name, ratioMax, ours, skopeo }: CopyResult): string {
  if (!skopeo) return `| ${name} | ${ours.medianMs} | – | – | ≤ ${ratioMax} | ${ours.processorMs} | – | ${ours.peakMegabytes} | – |`;
  const ratio = ours.medianMs / skopeo.medianMs;
  const mark = ratio <= ratioMax ? "" : " (above)";
  const memory = ours.peakMegabytes <= skopeo.peakMegabytes ? "" : " (above)";
  return `| ${name} | ${ours.medianMs} | ${skopeo.medianMs} | ${ratio.toFixed(2)}${mark} | ≤ ${ratioMax} | ${ours.processorMs} | ${skopeo.processorMs} | ${ours.peakMegabytes}${memory} | ${skopeo.peakMegabytes} |`;
}

function programs(): Program[] {
  const bin = path.join(top, "out/bin");
  const found: Program[] = [{ name: "ours", path: path.join(bin, "skopeo"), podman: path.join(bin, "podman") }];
  const peer = Bun.which("skopeo", { PATH: "/usr/local/bin:/usr/bin:/bin" });
  return peer ? [...found, { name: "skopeo", path: peer, podman: path.join(path.dirname(peer), "podman") }] : found;
}

async function prepare(chosen: readonly Line[], all: readonly Program[]): Promise<() => Promise<void>> {
  const { startRegistry } = await import("../tests/fixtures/registry.ts");
  const { busybox, heavy } = await import("../tests/fixtures/images.ts");
  const registries: Registry[] = [await startRegistry({ port: 5000 }), await startRegistry({ port: 5001 })];
  await registries[0]!.push(busybox(), "busybox");
  if (chosen.some(line => line.name.startsWith("copy"))) await registries[0]!.push(heavy(7, 43), "heavy");
  const sync = chosen.find(line => line.name.startsWith("sync"));
  if (sync) {
    for (let tag = 0; tag < tags; tag++) await registries[0]!.push(busybox({ config: { Labels: { tag: String(tag) } } }), "many", `t${tag}`);
    for (const program of all) must(program, sync.words(""));
  }
  return async () => void (await Promise.all(registries.map(registry => registry.stop())));
}

function must(program: Program, words: readonly string[]): void {
  const ran = Bun.spawnSync([program.path, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${program.path} ${words.join(" ")}: status ${ran.exitCode}\n${ran.stderr}`);
}

let runs = 0;

function ready(program: Program, line: Line): string[] {
  if (line.before) Bun.spawnSync(["sh", "-c", line.before], { env: { ...process.env, PODMAN: program.podman }, stdout: "ignore", stderr: "inherit" });
  return [program.path, ...line.words(String(++runs))];
}

interface Sample {
  readonly ms: number;
  readonly processorMs: number;
}

function measure(program: Program, line: Line): Sample {
  const argv = ready(program, line);
  const begun = performance.now();
  const ran = Bun.spawnSync(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const ms = performance.now() - begun;
  if (ran.exitCode !== 0) throw new Error(`${argv.join(" ")}: status ${ran.exitCode}\n${ran.stderr}`);
  return { ms, processorMs: Number(ran.resourceUsage?.cpuTime.total ?? 0) / 1000 };
}

/** Of one more run, by a small launcher, since a child starts with its parent's mark. */
function peakMegabytes(program: Program, line: Line): number {
  const launcher = path.join(top, "tools/peak-memory.pl");
  const argv = ready(program, line);
  const ran = Bun.spawnSync(["bash", "-c", 'exec 4>&1; perl "$@" 3>&4 >/dev/null 2>&1', "bash", launcher, ...argv], { stdin: "ignore" });
  return round((Number(ran.stdout.toString()) * 1024) / 1e6);
}

/** One unmeasured run each, then turn about, the order swapped each time. */
function compare(line: Line, all: readonly Program[]): CopyResult {
  const samples: Record<Program["name"], Sample[]> = { ours: [], skopeo: [] };
  for (const program of all) measure(program, line);
  for (let turn = 0; turn < line.times; turn++) {
    for (const program of turn % 2 ? [...all].reverse() : all) samples[program.name].push(measure(program, line));
  }
  const [ours, skopeo] = all.map(program => figureOf(samples[program.name], peakMegabytes(program, line)));
  return { name: line.name, ratioMax: line.ratioMax, ours: ours!, ...(skopeo ? { skopeo } : {}) };
}

function figureOf(samples: readonly Sample[], peak: number): CopyFigure {
  const times = samples.map(sample => sample.ms);
  return { medianMs: medianOf(times), bestMs: round(Math.min(...times)), processorMs: medianOf(samples.map(sample => sample.processorMs)), peakMegabytes: peak };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return round(sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2);
}

const round = (value: number): number => Math.round(value * 10) / 10;

async function inside(words: readonly string[]): Promise<void> {
  const chosen = lines.filter(line => words.length === 0 || words.some(word => line.name.includes(word)));
  const all = programs();
  const end = await prepare(chosen, all);
  try {
    const results = chosen.map(line => {
      const result = compare(line, all);
      console.error(copyRow(result));
      return result;
    });
    console.log(JSON.stringify(results));
  } finally {
    await end();
  }
}

if (process.env["CORACLE_BENCH_COPY"] === "inside") await inside(process.argv.slice(2));
else if (import.meta.main) await compareCopies(process.argv.slice(2));
