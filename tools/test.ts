// Runs the tests: each room's and each file's in a process, and where we are root in a throw-away world, of their own.
// Usage: bun tools/test.ts [FILE|FOLDER…]     Writes out/test/NAME.xml, NAME.log and `total`, the line CI ends with.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const top = path.resolve(import.meta.dir, "..");
const out = path.join(top, "out", "test");
const worlds = path.join(top, "out", "worlds");
const jobSecondsMax = 420;

/** With PEER_ROOT=DIR the same tests judge the podman in that root file system instead of ours: a check of the tests themselves. */
const peerRoot = process.env["PEER_ROOT"];
const peerEnvironment = ["env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PODMAN_IGNORE_CGROUPSV1_WARNING=1"];

/** With WORLDS=user,single the files run in these worlds, whatever they say. */
const worldsAsked = process.env["WORLDS"]?.split(",");

interface Job {
  readonly name: string;
  readonly paths: readonly string[];
  /** Who calls our programs there; root where absent. */
  readonly caller?: string;
}

interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly note: string;
}

function listed(folder: string): string[] {
  const names = fs.existsSync(path.join(top, folder)) ? (fs.readdirSync(path.join(top, folder), { recursive: true }) as string[]) : [];
  return names.filter(name => name.endsWith(".test.ts")).map(name => path.join(folder, name)).sort();
}

/** Unit tests go by room, everything under tests by file; the slow system tests come first. */
function everyJob(): Job[] {
  const rooms = new Map<string, string[]>();
  for (const file of listed("src")) {
    const room = file.split("/")[1]!;
    rooms.set(room, [...(rooms.get(room) ?? []), file]);
  }
  const units = [...rooms].map(([room, paths]) => ({ name: `src-${room}`, paths }));
  return [...listed("tests").flatMap(jobsOf), ...units];
}

/** A file that begins with "// Worlds: root, user" and the like runs once in each of them. */
function jobsOf(file: string): Job[] {
  const name = file.replace(/\.test\.ts$/, "").replaceAll("/", "-");
  const head = fs.readFileSync(path.join(top, file), "utf8").slice(0, 1000);
  const worlds = /^\/\/ Worlds: ([a-z, ]+)\.?$/m.exec(head)?.[1]?.split(/, */) ?? ["root"];
  const chosen = worldsAsked ?? worlds;
  return chosen.map(caller => caller === "root" ? { name, paths: [file] } : { name: `${name}-as-${caller}`, paths: [file], caller });
}

function chosenJobs(words: readonly string[]): Job[] {
  if (words.length === 0) return everyJob();
  return words.flatMap(word => {
    const relative = path.relative(top, path.resolve(word));
    if (relative.endsWith(".test.ts")) return jobsOf(relative);
    const files = listed(relative);
    return relative.startsWith("src") ? [{ name: relative.replaceAll("/", "-"), paths: files }] : files.flatMap(jobsOf);
  });
}

async function runJob(job: Job): Promise<Outcome> {
  const begun = performance.now();
  const report = path.join(out, `${job.name}.xml`);
  const log = fs.openSync(path.join(out, `${job.name}.log`), "w");
  // A user must be able to reach it, wherever the checkout lies.
  const world = path.join(job.caller ? os.tmpdir() : worlds, `${job.caller ? "coracle-" : ""}${job.name}-${process.pid}`);
  fs.rmSync(report, { force: true });
  const caller = job.caller ? ["env", `CORACLE_CALLER=${job.caller}`] : [];
  const child = Bun.spawn([...worldOf(world), ...caller, process.execPath, "test", ...job.paths.map(file => `./${file}`), "--timeout=60000",
    "--reporter=junit", `--reporter-outfile=${report}`], { cwd: top, stdin: "ignore", stdout: log, stderr: log });
  let tooLong = false;
  const timer = setTimeout(() => {
    tooLong = true;
    child.kill("SIGKILL");
  }, jobSecondsMax * 1000);
  const status = await child.exited;
  clearTimeout(timer);
  fs.closeSync(log);
  removeWorld(world);
  return { name: job.name, seconds: (performance.now() - begun) / 1000, ...countsOf(report, { status, tooLong }) };
}

function worldOf(folder: string): string[] {
  if (process.getuid?.() !== 0) return [];
  fs.mkdirSync(folder, { recursive: true });
  const world = peerRoot ? [path.join(top, "tests/fixtures/peer-world.sh"), folder, peerRoot, ...peerEnvironment] : [path.join(top, "tests/fixtures/world.sh"), folder];
  return ["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", ...world];
}

/** Its mounts ended with its namespace; what is left are plain files, in rare cases still busy for a moment. */
function removeWorld(folder: string): void {
  Bun.spawnSync(["rm", "-rf", "--one-file-system", folder], { stdout: "ignore", stderr: "ignore" });
}

/** A process that died before its report counts as one failure; one that failed outside any test too. */
function countsOf(report: string, end: { status: number; tooLong: boolean }): Omit<Outcome, "name" | "seconds"> {
  if (!fs.existsSync(report)) {
    return { passed: 0, failed: 1, skipped: 0, note: end.tooLong ? `ended after ${jobSecondsMax} s` : `no report, status ${end.status}` };
  }
  const head = /<testsuites [^>]*>/.exec(fs.readFileSync(report, "utf8"))?.[0] ?? "";
  const count = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const [tests, failures, skipped] = [count("tests"), count("failures"), count("skipped")];
  const failed = failures === 0 && end.status !== 0 ? 1 : failures;
  return { passed: tests - failures - skipped, failed, skipped, note: failed !== failures ? `status ${end.status}` : "" };
}

function failedNames(report: string): string[] {
  if (!fs.existsSync(report)) return [];
  const cases = fs.readFileSync(report, "utf8").matchAll(/<testcase name="([^"]*)"[^>]*>\s*<failure/g);
  return [...cases].map(found => found[1]!.replaceAll("&quot;", '"').replaceAll("&apos;", "'").replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">").replaceAll("&amp;", "&"));
}

function tell(outcome: Outcome): void {
  const skipped = outcome.skipped ? `, ${outcome.skipped} skipped` : "";
  const note = outcome.note ? ` (${outcome.note})` : "";
  console.log(`${outcome.failed ? "FAIL" : "ok  "} ${outcome.name}: ${outcome.passed} of ${outcome.passed + outcome.failed}${skipped}, ${outcome.seconds.toFixed(1)} s${note}`);
  if (!outcome.failed) return;
  for (const name of failedNames(path.join(out, `${outcome.name}.xml`))) console.log(`     ${name}`);
  const log = fs.readFileSync(path.join(out, `${outcome.name}.log`), "utf8").split("\n");
  console.log(log.slice(-60).map(line => `     | ${line.slice(0, 300)}`).join("\n"));
}

/** The names of all cgroups that engines made, to remove afterwards the empty ones that were not there before. */
function cgroupsNow(): Set<string> {
  const found = Bun.spawnSync(["find", "/sys/fs/cgroup", "-depth", "-type", "d", "(", "-name", "libpod*", "-o", "-name", "coracle*", ")"],
    { stderr: "ignore" });
  return new Set(found.stdout.toString().split("\n").filter(Boolean));
}

function sweepCgroups(before: ReadonlySet<string>): void {
  for (const folder of cgroupsNow()) {
    if (before.has(folder)) continue;
    try {
      fs.rmdirSync(folder);
    } catch {
      // Still in use: another engine's.
    }
  }
}

async function main(): Promise<number> {
  fs.mkdirSync(out, { recursive: true });
  const before = cgroupsNow();
  const waiting = chosenJobs(process.argv.slice(2));
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const outcome = await runJob(job);
      outcomes.push(outcome);
      tell(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(4, os.availableParallelism())) }, worker));
  sweepCgroups(before);
  const sum = (key: "passed" | "failed"): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const total = `${sum("passed")} passed, ${sum("failed")} failed`;
  fs.writeFileSync(path.join(out, "total"), `${total}\n`);
  if (!process.env["CI"]) console.log(total);
  return sum("failed") === 0 && sum("passed") > 0 ? 0 : 1;
}

process.exit(await main());
