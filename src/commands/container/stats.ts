// podman stats: what containers use, once or again and again.
// Source: podman-stats(1).

import { humanBinarySize, humanSizeTight } from "../../base/bytes.ts";
import { GoDuration } from "../../base/duration.ts";
import { goJson } from "../../base/go-json.ts";
import { text, toggle, whole } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { completesFormat, showRows, view, type View } from "../../cli/view.ts";
import { stats, type ContainerUse } from "../../engine/containers/stats.ts";
import { latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

const percent = (value: number): string => `${value.toFixed(2)}%`;

function netIo({ Network }: ContainerUse): string {
  const uses = Object.values(Network ?? {});
  const sum = (key: "RxBytes" | "TxBytes"): number => uses.reduce((total, use) => total + use[key], 0);
  return `${humanSizeTight(sum("RxBytes"), 4)} / ${humanSizeTight(sum("TxBytes"), 4)}`;
}

const memory = (use: ContainerUse): string => `${humanSizeTight(use.MemUsage, 4)} / ${humanSizeTight(use.MemLimit, 4)}`;
const blocks = (use: ContainerUse): string => `${humanSizeTight(use.BlockInput, 4)} / ${humanSizeTight(use.BlockOutput, 4)}`;

function statsView(noTrunc: boolean): View<ContainerUse> {
  const id = (use: ContainerUse): string => (noTrunc ? use.ContainerID : use.ContainerID.slice(0, 12));
  return view<ContainerUse>({
    name: "stats",
    type: "containers.containerStats",
    columns: {
      AVGCPU: ["AVG CPU %", (use) => percent(use.AvgCPU)],
      AvgCPU: ["AVG CPU", (use) => use.AvgCPU],
      BlockIO: ["BLOCK IO", blocks],
      BlockInput: ["BLOCK INPUT", (use) => use.BlockInput],
      BlockOutput: ["BLOCK OUTPUT", (use) => use.BlockOutput],
      CPU: ["CPU", (use) => use.CPU],
      CPUNano: ["CPU NANO", (use) => use.CPUNano],
      CPUPerc: ["CPU %", (use) => percent(use.CPU)],
      CPUSystemNano: ["CPU SYSTEM NANO", (use) => use.CPUSystemNano],
      ContainerID: ["CONTAINER ID", (use) => use.ContainerID],
      ContainerStats: ["CONTAINER STATS", (use) => use],
      Duration: ["DURATION", (use) => use.Duration],
      ID: ["ID", id],
      MemLimit: ["MEM LIMIT", (use) => use.MemLimit],
      MemPerc: ["MEM %", (use) => percent(use.MemPerc)],
      MemUsage: ["MEM USAGE / LIMIT", memory],
      MemUsageBytes: ["MEM USAGE / LIMIT", (use) => `${humanBinarySize(use.MemUsage)} / ${humanBinarySize(use.MemLimit)}`],
      Name: ["NAME", (use) => use.Name],
      NetIO: ["NET IO", netIo],
      Network: ["NETWORK", (use) => use.Network],
      PIDS: ["PIDS", (use) => String(use.PIDs)],
      PIDs: ["PIDS", (use) => use.PIDs],
      PerCPU: ["PER CPU", (use) => use.PerCPU],
      SystemNano: ["SYSTEM NANO", (use) => use.SystemNano],
      Up: ["UP", (use) => String(new GoDuration(use.UpTime))],
      UpTime: ["CPU TIME", (use) => new GoDuration(use.UpTime)],
    },
    table: "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t{{.UpTime}}\t{{.AVGCPU}}",
  });
}

const flags = {
  all: toggle({ short: "a", help: "Show all containers. Only running containers are shown by default. The default is false" }),
  format: text({ help: "Pretty-print container statistics to JSON or using a Go template", complete: (word, at) => completesFormat(statsView(false).columns)(word, at) }),
  interval: whole({ short: "i", help: "Time in seconds between stats reports", fallback: 5 }),
  latest,
  noReset: toggle({ help: "Disable resetting the screen between intervals" }),
  noStream: toggle({ help: "Disable streaming stats and only pull the first result, default setting is false" }),
  noTrunc: toggle({ help: "Do not truncate output" }),
} as const;

export default verb({
  usage: "[options] [CONTAINER...]",
  about: "Display percentage of CPU, memory, network I/O, block I/O and PIDs for one or more containers.",
  operands: any(runningContainers),
  flags,
  examples: ["podman stats --all --no-stream", "podman stats ctrID", 'podman stats --no-stream --format "table {{.ID}} {{.Name}} {{.MemUsage}}" ctrID'],
  async run(call) {
    const { context, flags: asked, operands } = call;
    if ([asked.all, asked.latest, operands.length > 0].filter(Boolean).length > 1) throw refuse("--all, --latest and containers cannot be used together");
    if (asked.interval < 1) throw refuse("invalid interval, must be a positive number greater zero");
    const choice = { names: operands, all: asked.all, latest: asked.latest };
    let before: ReadonlyMap<string, ContainerUse> = new Map();
    for (;;) {
      const uses = stats(context.host, choice, before);
      before = new Map(uses.map((use) => [use.ContainerID, use]));
      await show(call, uses);
      if (asked.noStream) return 0;
      await Bun.sleep(asked.interval * 1000);
    }
  },
});

async function show({ context, flags: asked }: VerbCall<typeof flags>, uses: readonly ContainerUse[]): Promise<void> {
  if (!asked.noReset && !asked.noStream) context.write(Buffer.from("\u001b[2J\u001b[1;1H"));
  if (asked.format === "json" || /^\{\{\s*json\s*\.?\s*\}\}$/.test(asked.format ?? "")) {
    context.out(uses.length === 0 ? "[]" : goJson(uses.map((use) => jsonOf(use, asked.noTrunc)), { indent: " " }));
    return;
  }
  context.write(await showRows(statsView(asked.noTrunc), uses, asked.format === undefined ? {} : { format: asked.format }));
}

const jsonOf = (use: ContainerUse, noTrunc: boolean): Record<string, string> => ({
  id: noTrunc ? use.ContainerID : use.ContainerID.slice(0, 12), name: use.Name, cpu_time: String(new GoDuration(use.UpTime)), cpu_percent: percent(use.CPU),
  avg_cpu: percent(use.AvgCPU), mem_usage: memory(use), mem_percent: percent(use.MemPerc), net_io: netIo(use), block_io: blocks(use), pids: String(use.PIDs),
});
