// podman logs: what containers wrote, from conmon's log.

import { writeSync } from "node:fs";
import { text, toggle, whole } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { get, latest as latestOf } from "../../engine/containers/lookup.ts";
import { logs, type LogLine } from "../../engine/containers/logs.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

const colors = [37, 31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96];

const flags = {
  color: toggle({ help: "Output the containers with different colors in the log." }),
  follow: toggle({ short: "f", help: "Follow log output.  The default is false" }),
  latest,
  names: toggle({ short: "n", help: "Output the container name in the log" }),
  since: text({ help: "Show logs since TIMESTAMP" }),
  tail: whole({ help: "Output the specified number of LINES at the end of the logs.  Defaults to -1, which prints all lines", fallback: -1 }),
  timestamps: toggle({ short: "t", help: "Output the timestamps in the log" }),
  until: text({ help: "Show logs until TIMESTAMP" }),
} as const;

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Retrieves logs for one or more containers.\n\n  This does not guarantee execution order when combined with podman run (i.e., your run may not have generated any logs at the time you execute podman logs).\n",
  operands: any(allContainers),
  flags,
  examples: [
    "podman logs ctrID",
    "podman logs --names ctrID1 ctrID2",
    "podman logs --tail 2 mywebserver",
    "podman logs --follow=true --since 10m ctrID",
    "podman logs mywebserver mydbserver",
  ],
  async run(call) {
    const { context, flags: asked, operands } = call;
    if (operands.length > 0 && asked.latest) throw refuse("--latest and containers cannot be used together");
    if (operands.length === 0 && !asked.latest) throw refuse('specify at least one container name or ID to log');
    const ids = asked.latest ? [latestOf(context.host).id] : operands.map((name) => get(context.host, name).id);
    const lines = logs(context.host, ids, {
      follow: asked.follow,
      ...(asked.tail < 0 ? {} : { tail: asked.tail }),
      ...(asked.since === undefined ? {} : { since: asked.since }),
      ...(asked.until === undefined ? {} : { until: asked.until }),
    });
    for await (const line of lines) print(call, line, ids);
  },
});

function print({ context, flags: asked }: VerbCall<typeof flags>, line: LogLine, ids: readonly string[]): void {
  const color = asked.color ? colors[ids.indexOf(line.id) % colors.length] : undefined;
  const label = asked.names ? line.name : ids.length > 1 || asked.color ? line.id.slice(0, 12) : "";
  const prefix = [label, asked.timestamps ? line.time : ""].filter(Boolean).map((word) => `${word} `).join("");
  const text = `${prefix}${line.text}`;
  const shown = `${color === undefined ? text : `\u001b[${color}m${text}\u001b[0m`}${line.full ? "\n" : ""}`;
  if (line.stream === "stderr") writeSync(2, shown);
  else context.write(Buffer.from(shown));
}
