// podman rm: takes containers away.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { remove } from "../../engine/containers/remove.ts";
import { report } from "../outcomes.ts";
import { cidfiles, ignoreMissing, latest, longFilters, stopTime } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Removes one or more containers from the host. The container name or ID can be used.\n\n  Command does not remove images. Running or unusable containers will not be removed without the -f option.",
  frees: true,
  operands: namesAllOrLatest(allContainers),
  flags: {
    all: toggle({ short: "a", help: "Remove all containers" }),
    cidfile: cidfiles,
    depend: toggle({ help: "Remove container and all containers that depend on the selected container" }),
    filter: longFilters,
    force: toggle({ short: "f", help: "Force removal of a running or unusable container" }),
    ignore: ignoreMissing,
    latest,
    time: stopTime,
    volumes: toggle({ short: "v", help: "Remove anonymous volumes associated with the container" }),
  },
  exits: { "container.not-found": 1, "container.running": 2, "container.wrong-state": 2 },
  examples: ["podman rm ctrID", "podman rm mywebserver myflaskserver 860a4b23", "podman rm --force --all", "podman rm -f c684f0d469f2"],
  async run({ context, flags, given, operands }) {
    if (given.has("time") && !flags.force) throw refuse("--force option must be specified to use the --time option");
    const choice = { names: operands, all: flags.all, latest: flags.latest, filters: flags.filter, ignore: flags.ignore || flags.force, cidfiles: flags.cidfile };
    report(context, await remove(context.host, choice, {
      force: flags.force,
      depend: flags.depend,
      volumes: flags.volumes,
      ...(flags.time === undefined ? {} : { timeout: flags.time }),
    }));
  },
});
