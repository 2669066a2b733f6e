// podman unpause: lets frozen containers go on.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { unpause } from "../../engine/containers/stop.ts";
import { report } from "../outcomes.ts";
import { cidfiles, filters, latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Unpauses one or more previously paused containers.  The container name or ID can be used.",
  operands: namesAllOrLatest(runningContainers),
  flags: { all: toggle({ short: "a", help: "Unpause all paused containers" }), cidfile: cidfiles, filter: filters, latest },
  examples: ["podman unpause mywebserver", "podman unpause 860a4b23"],
  async run({ context, flags, operands }) {
    const choice = { names: operands, all: flags.all, latest: flags.latest, filters: flags.filter, cidfiles: flags.cidfile };
    report(context, await unpause(context.host, choice));
  },
});
