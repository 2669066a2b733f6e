// podman stop: the stop signal, then SIGKILL after a while.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { stop } from "../../engine/containers/stop.ts";
import { report } from "../outcomes.ts";
import { cidfiles, filters, ignoreMissing, latest, stopTime } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Stops one or more running containers.  The container name or ID can be used.\n\n  A timeout to forcibly stop the container can also be set but defaults to 10 seconds otherwise.",
  frees: true,
  operands: namesAllOrLatest(runningContainers),
  flags: {
    all: toggle({ short: "a", help: "Stop all running containers" }),
    cidfile: cidfiles,
    filter: filters,
    ignore: ignoreMissing,
    latest,
    time: stopTime,
  },
  examples: ["podman stop ctrID", "podman stop --time 2 mywebserver 6e534f14da9d"],
  async run({ context, flags, operands }) {
    const choice = { names: operands, all: flags.all, latest: flags.latest, filters: flags.filter, ignore: flags.ignore, cidfiles: flags.cidfile };
    report(context, await stop(context.host, choice, flags.time === undefined ? {} : { timeout: flags.time }));
  },
});
