// The table of the benchmark, as text and as JSON.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { Floor } from "./floors.ts";
import type { Figure, Result } from "./measure.ts";

const top = path.resolve(import.meta.dir, "../..");

const time = ({ medianMs, bestMs, worstMs, insideMs }: Figure): string =>
  `${medianMs.toFixed(1)} (${bestMs.toFixed(1)}–${worstMs.toFixed(1)})${insideMs === undefined ? "" : `, inside ${insideMs.toFixed(1)}`}`;

export function rowOf({ name, aim, ours, peer, failure }: Result): string {
  if (!ours) return `| ${name} | not measured: ${(failure ?? "").replaceAll("|", "/")} | | | ≤ ${aim} | | | | |`;
  const processes = [ours, peer].map(figure => figure?.processes ?? "–").join(" / ");
  const calls = [ours, peer].map(figure => figure?.calls ?? "–").join(" / ");
  if (!peer) return `| ${name} | ${time(ours)} | – | – | ≤ ${aim} | ${ours.peakMegabytes} | – | ${processes} | ${calls} |`;
  const ratio = ours.medianMs / peer.medianMs;
  const mark = ratio <= aim ? "" : " (above)";
  const memory = ours.peakMegabytes <= peer.peakMegabytes ? "" : " (above)";
  return `| ${name} | ${time(ours)} | ${time(peer)} | ${ratio.toFixed(2)}${mark} | ≤ ${aim} | ${ours.peakMegabytes}${memory} | ${peer.peakMegabytes} | ${processes} | ${calls} |`;
}

export interface Measured {
  readonly results: readonly Result[];
  /** What the originals call themselves; empty without any. */
  readonly peers: string;
  readonly floors: readonly Floor[];
  /** MB for each running container: ours, the other's. */
  readonly monitors: readonly number[];
}

export function report({ results, peers, monitors, floors }: Measured): void {
  const machine = `${os.availableParallelism()} cores, Linux ${os.release().split("-")[0]}`;
  const missed = results.filter(({ ours, peer, aim }) => ours && peer && ours.medianMs / peer.medianMs > aim).length;
  const memory = results.filter(({ ours, peer }) => ours && peer && ours.peakMegabytes > peer.peakMegabytes).length;
  const text = `# Benchmarks

Our binary beside ${peers || "no peer"} in the same run, turn about, with the same conmon, crun and netavark, registry and images; ${machine}.
Medians of the whole command in milliseconds, with the best and the worst run; peak memory in MB of its largest process; programs started and system calls made by all of them, ours / theirs.
"Inside" is what of it was the runtime's, criu's, the network's and the mounts'.
Pulls and loads go into stores of their own, opened before. Repeat with \`make bench\`, or a part with \`bun tools/bench.ts WORD…\`.

${results.length} rows; above their aim: ${missed} by time, ${memory} by memory. Memory kept for each running container: ${monitors.map(value => `${value} MB`).join(" beside ") || "not measured"}.

| command | ours ms | peer ms | ratio | aim | ours MB | peer MB | programs | system calls |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
${results.map(rowOf).join("\n")}

## What the machine takes by itself

Measured in the same run: nothing that does this work can be faster. [performance.md](performance.md) tells what stands between these and the rows above.

| work | ms |
|---|---:|
${floors.map(({ name, ms }) => `| ${name} | ${ms} |`).join("\n")}
`;
  console.log(text);
  fs.writeFileSync(path.join(top, "docs/benchmarks.md"), text);
  fs.writeFileSync(path.join(top, "docs/benchmarks.json"), `${JSON.stringify({ machine, peers, monitors, results, floors }, null, 2)}\n`);
}
