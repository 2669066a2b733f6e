// podman pause: freezes containers by their cgroup.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { pause } from "../../engine/containers/stop.ts";
import { report } from "../outcomes.ts";
import { cidfiles, filters, latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Pauses one or more running containers.  The container name or ID can be used.",
  operands: namesAllOrLatest(runningContainers),
  flags: { all: toggle({ short: "a", help: "Pause all running containers" }), cidfile: cidfiles, filter: filters, latest },
  examples: ["podman pause mywebserver", "podman pause 860a4b23"],
  async run({ context, flags, operands }) {
    const choice = { names: operands, all: flags.all, latest: flags.latest, filters: flags.filter, cidfiles: flags.cidfile };
    report(context, await pause(context.host, choice));
  },
});
