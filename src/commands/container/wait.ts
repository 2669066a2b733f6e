// podman wait: blocks until containers are in a condition, then prints their exit codes.

import { goDuration, parseGoDuration } from "../../base/duration.ts";
import { list, text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { wait } from "../../engine/containers/wait.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

const conditions = ["configured", "created", "exited", "healthy", "initialized", "paused", "removing", "running", "stopped", "stopping", "unhealthy"];

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Block until one or more containers stop and then print their exit codes.\n",
  operands: any(allContainers),
  flags: {
    condition: list({ help: "Condition to wait on", complete: () => conditions }),
    exitFirstMatch: toggle({ help: "Wait for exit of first container which matches conditions, ignore other ones" }),
    ignore: toggle({ help: "Ignore if a container does not exist" }),
    interval: text({ short: "i", help: "Time Interval to wait before polling for completion", fallback: "250ms" }),
    latest,
  },
  examples: ["podman wait --interval 5s ctrID", "podman wait ctrID1 ctrID2"],
  async run({ context, flags, operands }) {
    if (operands.length > 0 && flags.latest) throw refuse("--latest and containers cannot be used together");
    if (operands.length === 0 && !flags.latest) throw refuse(`"podman wait" requires a name, id, or the "--latest" flag`);
    for (const condition of flags.condition) {
      if (!conditions.includes(condition)) throw refuse(`unknown container state: ${condition}: invalid argument`, `use one of ${conditions.join(", ")}`);
    }
    const codes = await wait(context.host, { names: operands, latest: flags.latest, ignore: flags.ignore }, {
      conditions: flags.condition,
      intervalMs: readInterval(flags.interval),
      firstMatch: flags.exitFirstMatch,
    });
    for (const code of codes) context.out(String(code));
  },
});

/** Milliseconds; a bare number is milliseconds, as podman takes it. */
function readInterval(written: string): number {
  if (/^\d+$/.test(written)) return Number(written);
  const nanoseconds = parseGoDuration(written);
  if (nanoseconds <= 0) throw refuse(`cannot wait every ${goDuration(nanoseconds)}: the interval must be positive`);
  return nanoseconds / 1e6;
}
