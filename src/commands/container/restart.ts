// podman restart: stop and start again.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { restart } from "../../engine/containers/stop.ts";
import { report } from "../outcomes.ts";
import { cidfiles, filters, latest, stopTime } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Restarts one or more running containers. The container ID or name can be used.\n\n  A timeout before forcibly stopping can be set, but defaults to 10 seconds.",
  operands: { complete: allContainers, check: (written) => (written.flags["running"] ? undefined : namesAllOrLatest().check(written)) },
  flags: {
    all: toggle({ short: "a", help: "Restart all non-running containers" }),
    cidfile: cidfiles,
    filter: filters,
    latest,
    running: toggle({ help: "Restart only running containers" }),
    time: stopTime,
  },
  examples: ["podman restart ctrID", "podman restart ctrID1 ctrID2"],
  async run({ context, flags, operands }) {
    const choice = { names: operands, all: flags.all, latest: flags.latest, filters: flags.filter, cidfiles: flags.cidfile };
    const options = { running: flags.running, ...(flags.time === undefined ? {} : { timeout: flags.time }) };
    report(context, await restart(context.host, choice, options));
  },
});
