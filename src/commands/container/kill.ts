// podman kill: one signal to the main process of containers.

import { parseSignal } from "../../base/signals.ts";
import { text, toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { kill } from "../../engine/containers/stop.ts";
import { report } from "../outcomes.ts";
import { cidfiles, latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "The main process inside each container specified will be sent SIGKILL, or any signal specified with option --signal.",
  frees: true,
  operands: namesAllOrLatest(runningContainers),
  flags: {
    all: toggle({ short: "a", help: "Signal all running containers" }),
    cidfile: cidfiles,
    latest,
    signal: text({ short: "s", help: "Signal to send to the container", fallback: "KILL" }),
  },
  examples: ["podman kill mywebserver", "podman kill 860a4b23", "podman kill --signal TERM ctrID"],
  async run({ context, flags, operands }) {
    const signal = parseSignal(flags.signal);
    report(context, await kill(context.host, { names: operands, all: flags.all, latest: flags.latest, cidfiles: flags.cidfile }, signal));
  },
});
