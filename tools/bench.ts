// `make bench`: our binary beside podman, interleaved in one run; writes docs/benchmarks.md and docs/benchmarks.json.
// Usage: bun tools/bench.ts [WORD…]     only the lines whose name holds a WORD; PEERS names the folder of the peers' root.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { compareUdica } from "./bench-udica.ts";

const top = path.resolve(import.meta.dir, "..");
const peers = process.env["PEERS"] || path.join(process.env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache"), "coracle-peers");

interface Line {
  readonly name: string;
  readonly times: number;
  /** The most that ours may need of podman's time. */
  readonly ratioMax: number;
  readonly words: readonly string[];
  /** Instead of words for podman: a line for sh, in which $0 is buildah. */
  readonly script?: string;
  /** Run before each measured run, unmeasured. */
  readonly before?: readonly string[];
  readonly cwd?: string;
}

interface Figure {
  readonly medianMs: number;
  readonly bestMs: number;
  readonly peakMegabytes: number;
}

interface Result {
  readonly name: string;
  readonly ratioMax: number;
  readonly ours: Figure;
  readonly podman?: Figure;
}

const image = "127.0.0.1:5000/busybox";
const working = `c=$($0 from ${image}) && m=$($0 mount $c) && echo bench > $m/etc/bench && $0 commit -q $c bench-made && $0 rm $c`;
const lines: readonly Line[] = [
  { name: "version", times: 15, ratioMax: 0.35, words: ["version"] },
  { name: "ps -a (10 containers)", times: 15, ratioMax: 0.35, words: ["ps", "-a"] },
  { name: "images", times: 15, ratioMax: 0.35, words: ["images"] },
  { name: "inspect CONTAINER", times: 15, ratioMax: 0.35, words: ["inspect", "bench-0"] },
  { name: "run --rm --network none IMAGE true", times: 9, ratioMax: 0.5, words: ["run", "--rm", "--network", "none", image, "true"] },
  { name: "run --rm IMAGE true", times: 9, ratioMax: 0.5, words: ["run", "--rm", image, "true"] },
  { name: "exec CONTAINER true", times: 9, ratioMax: 0.5, words: ["exec", "bench-up", "true"] },
  { name: "pull of 300 MB in 8 layers", times: 4, ratioMax: 0.45, words: ["pull", "-q", "127.0.0.1:5000/heavy"], before: ["rmi", "-f", "127.0.0.1:5000/heavy"] },
  { name: "build of 10 steps, cold", times: 5, ratioMax: 0.5, words: ["build", "-q", "--no-cache", "--network", "none", "/tmp/bench-steps"] },
  { name: "build of 10 steps, cached", times: 9, ratioMax: 0.25, words: ["build", "-q", "--network", "none", "/tmp/bench-steps"] },
  { name: "build: COPY of 20,000 files", times: 4, ratioMax: 0.5, words: ["build", "-q", "--no-cache", "/tmp/bench-files"], before: ["image", "prune", "-f"] },
  { name: "build: two stages of 2 seconds", times: 3, ratioMax: 0.6, words: ["build", "-q", "--no-cache", "--network", "none", "/tmp/bench-stages"] },
  { name: "buildah from, mount, commit, rm", times: 9, ratioMax: 0.5, words: [], script: working },
];

/** Only when asked for by `bun tools/bench.ts scale`: the other program needs minutes to get there. */
const scaleLines: readonly Line[] = [
  { name: "scale: ps -a of 1,000", times: 9, ratioMax: 0.3, words: ["ps", "-a"] },
  { name: "scale: images of 500", times: 9, ratioMax: 0.3, words: ["images"] },
  { name: "scale: volume ls of 200", times: 9, ratioMax: 0.3, words: ["volume", "ls"] },
];

/** Containers, images and volumes by the hundred. */
function populate(program: Program): void {
  for (let count = 0; count < 1000; count++) must(program, ["create", "--network", "none", image, "true"]);
  for (let count = 0; count < 200; count++) must(program, ["volume", "create", `volume-${count}`]);
  const archive = "/tmp/bench-image.tar";
  Bun.spawnSync(["tar", "-C", "/etc", "-cf", archive, "hostname"]);
  for (let count = 0; count < 500; count++) must(program, ["import", "-q", "-m", String(count), archive, `image-${count}:1`]);
}

/** Contexts of the builds, where both programs see them. */
function writeContexts(): void {
  const write = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  };
  const steps = Array.from({ length: 5 }, (_, at) => `RUN echo ${at} > /made-${at}\nENV STEP=${at}\n`).join("");
  write("/tmp/bench-steps/Containerfile", `FROM ${image}\n${steps}`);
  write("/tmp/bench-stages/Containerfile", `FROM ${image} AS one\nRUN sleep 2\nFROM ${image} AS two\nRUN sleep 2\nFROM scratch\nCOPY --from=one /etc/passwd /1\nCOPY --from=two /etc/passwd /2\n`);
  write("/tmp/bench-files/Containerfile", "FROM scratch\nCOPY files /files\n");
  for (let at = 0; at < 20_000; at++) {
    const file = `/tmp/bench-files/files/${at % 200}/${at}.txt`;
    if (at < 200) fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `file ${at}\n`.repeat(20));
  }
}

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
  const child = Bun.spawn(["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
    path.join(top, "tests/fixtures/peer-world.sh"), folder, there ? root : "", "env", "CORACLE_BENCH=inside", `CORACLE_BENCH_UDICA=${JSON.stringify(udica ?? null)}`, "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
    process.execPath, path.join(top, "tools/bench.ts"), ...words], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const status = await child.exited;
  Bun.spawnSync(["rm", "-rf", "--one-file-system", folder]);
  return status;
}

function udicaResult(): Result | undefined {
  const found = compareUdica();
  if (!found) return undefined;
  const peak = (argv: readonly string[]): number => peakMegabytes({ name: "ours", path: argv[0]! }, { name: "", times: 1, ratioMax: 1, words: argv.slice(1), cwd: found.folder });
  const result = { name: "udica -j (beside the original in Python)", ratioMax: 0.1, ours: figureOf(found.oursMs, peak(found.ours)), podman: figureOf(found.theirsMs, peak(found.theirs)) };
  fs.rmSync(found.folder, { recursive: true });
  return result;
}

interface Program {
  readonly name: "ours" | "podman";
  readonly path: string;
}

const argvOf = (program: Program, line: Line): string[] =>
  line.script === undefined ? [program.path, ...line.words] : ["sh", "-ec", line.script, path.join(path.dirname(program.path), "buildah")];

function programs(): Program[] {
  const found: Program[] = [{ name: "ours", path: path.join(top, "out/bin/podman") }];
  const peer = Bun.which("podman", { PATH: "/usr/local/bin:/usr/bin:/bin" });
  return peer ? [...found, { name: "podman", path: peer }] : found;
}

function must(program: Program, words: readonly string[]): void {
  const ran = Bun.spawnSync([program.path, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${program.path} ${words.join(" ")}: status ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
}

/** Limits that are allowed here; both programs' defaults may be above the hard ones. */
function allowLimits(): void {
  const hard = (letter: string): string => Bun.spawnSync(["bash", "-c", `ulimit -H${letter}`]).stdout.toString().trim();
  const nofile = hard("n");
  if (nofile === "unlimited") return;
  const nproc = hard("u") === "unlimited" ? "" : `, "nproc=${hard("u")}:${hard("u")}"`;
  fs.mkdirSync("/etc/containers/containers.conf.d", { recursive: true });
  fs.writeFileSync("/etc/containers/containers.conf.d/bench.conf", `[containers]\ndefault_ulimits = ["nofile=${nofile}:${nofile}"${nproc}]\n`);
}

async function prepare(chosen: readonly Line[], all: readonly Program[]): Promise<() => Promise<void>> {
  const { startRegistry } = await import("../tests/fixtures/registry.ts");
  const { busybox, heavy } = await import("../tests/fixtures/images.ts");
  const registry = await startRegistry();
  if (chosen.some(line => line.name.startsWith("build"))) writeContexts();
  await registry.push(busybox(), "busybox");
  if (chosen.some(line => line.name.startsWith("pull"))) await registry.push(heavy(7, 43), "heavy");
  for (const program of all) {
    must(program, ["pull", "-q", image]);
    for (let count = 0; count < 10; count++) must(program, ["create", "--name", `bench-${count}`, "--network", "none", image, "true"]);
    must(program, ["run", "-d", "--name", "bench-up", "--network", "none", image, "sleep", "1000"]);
  }
  if (chosen.some(line => line.name.startsWith("scale"))) for (const program of all) populate(program);
  return async () => {
    for (const program of all) Bun.spawnSync([program.path, "rm", "-fa", "-t", "0"]);
    await registry.stop();
  };
}

/** What follows a command by itself (conmon's exit command, the removal of a bridge) shall weigh on nobody's figure but its own. */
const quietMs = 250;

function measure(program: Program, line: Line): number {
  if (line.words[0] === "run" || line.words[0] === "exec") Bun.sleepSync(quietMs);
  if (line.before) Bun.spawnSync([program.path, ...line.before], { stdout: "ignore", stderr: "ignore" });
  const begun = performance.now();
  const ran = Bun.spawnSync(argvOf(program, line), { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const ms = performance.now() - begun;
  if (ran.exitCode !== 0) throw new Error(`${argvOf(program, line).join(" ")}: status ${ran.exitCode}\n${ran.stderr}`);
  return ms;
}

/** Peak memory of one more run, unmeasured in time; by a small launcher, since a child starts with its parent's mark. */
function peakMegabytes(program: Program, line: Line): number {
  if (line.before) Bun.spawnSync([program.path, ...line.before], { stdout: "ignore", stderr: "ignore" });
  const launcher = path.join(top, "tools/peak-memory.pl");
  const ran = Bun.spawnSync(["bash", "-c", 'exec 4>&1; perl "$@" 3>&4 >/dev/null 2>&1', "bash", launcher, ...argvOf(program, line)], { stdin: "ignore", ...(line.cwd ? { cwd: line.cwd } : {}) });
  return round((Number(ran.stdout.toString()) * 1024) / 1e6);
}

/** One unmeasured run each, then turn about, the order swapped each time. */
function compare(line: Line, all: readonly Program[]): Result {
  const samples: Record<Program["name"], number[]> = { ours: [], podman: [] };
  if (line.times > 4) for (const program of all) measure(program, line);
  for (let turn = 0; turn < line.times; turn++) {
    for (const program of turn % 2 ? [...all].reverse() : all) samples[program.name].push(measure(program, line));
  }
  const figures = all.map(program => figureOf(samples[program.name], peakMegabytes(program, line)));
  return { name: line.name, ratioMax: line.ratioMax, ours: figures[0]!, ...(figures[1] ? { podman: figures[1] } : {}) };
}

function figureOf(samples: readonly number[], peak: number): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { medianMs: round(median), bestMs: round(sorted[0]!), peakMegabytes: peak };
}

const round = (value: number): number => Math.round(value * 10) / 10;

function rowOf(result: Result): string {
  const { ours, podman } = result;
  if (!podman) return `| ${result.name} | ${ours.medianMs} | – | – | ≤ ${result.ratioMax} | ${ours.peakMegabytes} | – |`;
  const ratio = ours.medianMs / podman.medianMs;
  const mark = ratio <= result.ratioMax ? "" : " (above)";
  const memory = ours.peakMegabytes <= podman.peakMegabytes ? "" : " (above)";
  return `| ${result.name} | ${ours.medianMs} | ${podman.medianMs} | ${ratio.toFixed(2)}${mark} | ≤ ${result.ratioMax} | ${ours.peakMegabytes}${memory} | ${podman.peakMegabytes} |`;
}

function report(results: readonly Result[], peerVersion: string): void {
  const machine = `${os.availableParallelism()} cores, Linux ${os.release().split("-")[0]}`;
  const text = `# Benchmarks

Our binary beside ${peerVersion || "no peer"} in the same run, turn about, with the same conmon, crun and netavark, registry and image; ${machine}.
Medians in milliseconds of the whole command, peak memory in MB of its largest process. Repeat with \`make bench\`.

| command | ours ms | podman ms | ratio | aim | ours MB | podman MB |
|---|---:|---:|---:|---:|---:|---:|
${results.map(rowOf).join("\n")}
`;
  console.log(text);
  fs.writeFileSync(path.join(top, "docs/benchmarks.md"), text);
  fs.writeFileSync(path.join(top, "docs/benchmarks.json"), `${JSON.stringify({ machine, peer: peerVersion, results }, null, 2)}\n`);
}

async function inside(words: readonly string[]): Promise<number> {
  const chosen = words.length === 0 ? lines : [...lines, ...scaleLines].filter(line => words.some(word => line.name.includes(word)));
  const all = programs();
  const peer = all.find(program => program.name === "podman");
  allowLimits();
  const end = await prepare(chosen, all);
  try {
    const results = chosen.map(line => {
      const result = compare(line, all);
      console.error(rowOf(result));
      return result;
    });
    const udica = JSON.parse(process.env["CORACLE_BENCH_UDICA"] ?? "null") as Result | null;
    if (words.length === 0) report(udica ? [...results, udica] : results, peer ? Bun.spawnSync([peer.path, "--version"]).stdout.toString().trim() : "");
  } finally {
    await end();
  }
  return 0;
}

const inWorld = process.env["CORACLE_BENCH"] === "inside";
process.exit(await (inWorld ? inside : outside)(process.argv.slice(2)));
