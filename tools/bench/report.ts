// The table of the benchmark, as text and as JSON.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { Figure, Result } from "./measure.ts";

const top = path.resolve(import.meta.dir, "../..");

const time = ({ medianMs, bestMs, worstMs, insideMs }: Figure): string =>
  `${medianMs.toFixed(1)} (${bestMs.toFixed(1)}–${worstMs.toFixed(1)})${insideMs === undefined ? "" : `, inside ${insideMs.toFixed(1)}`}`;

export function rowOf({ name, aim, ours, peer, failure }: Result): string {
  if (!ours) return `| ${name} | not measured: ${(failure ?? "").replaceAll("|", "/")} | | | ≤ ${aim} | | | |`;
  const processes = [ours, peer].map(figure => figure?.processes ?? "–").join(" / ");
  if (!peer) return `| ${name} | ${time(ours)} | – | – | ≤ ${aim} | ${ours.peakMegabytes} | – | ${processes} |`;
  const ratio = ours.medianMs / peer.medianMs;
  const mark = ratio <= aim ? "" : " (above)";
  const memory = ours.peakMegabytes <= peer.peakMegabytes ? "" : " (above)";
  return `| ${name} | ${time(ours)} | ${time(peer)} | ${ratio.toFixed(2)}${mark} | ≤ ${aim} | ${ours.peakMegabytes}${memory} | ${peer.peakMegabytes} | ${processes} |`;
}

export interface Measured {
  readonly results: readonly Result[];
  /** What the originals call themselves; empty without any. */
  readonly peers: string;
  /** MB for each running container: ours, the other's. */
  readonly monitors: readonly number[];
}

export function report({ results, peers, monitors }: Measured): void {
  const machine = `${os.availableParallelism()} cores, Linux ${os.release().split("-")[0]}`;
  const missed = results.filter(({ ours, peer, aim }) => ours && peer && ours.medianMs / peer.medianMs > aim).length;
  const memory = results.filter(({ ours, peer }) => ours && peer && ours.peakMegabytes > peer.peakMegabytes).length;
  const text = `# Benchmarks

Our binary beside ${peers || "no peer"} in the same run, turn about, with the same conmon, crun and netavark, registry and images; ${machine}.
Medians of the whole command in milliseconds, with the best and the worst run; peak memory in MB of its largest process; programs started, ours / theirs.
"Inside" is what of it was the runtime's, criu's, the network's and the mounts'.
Pulls and loads go into stores of their own, opened before. Repeat with \`make bench\`, or a part with \`bun tools/bench.ts WORD…\`.

${results.length} rows; above their aim: ${missed} by time, ${memory} by memory. Memory kept for each running container: ${monitors.map(value => `${value} MB`).join(" beside ") || "not measured"}.

| command | ours ms | peer ms | ratio | aim | ours MB | peer MB | programs |
|---|---:|---:|---:|---:|---:|---:|---:|
${results.map(rowOf).join("\n")}
`;
  console.log(text);
  fs.writeFileSync(path.join(top, "docs/benchmarks.md"), text);
  fs.writeFileSync(path.join(top, "docs/benchmarks.json"), `${JSON.stringify({ machine, peers, monitors, results }, null, 2)}\n`);
}
