// podman volume rm.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { removeVolumes } from "../../engine/volumes/volumes.ts";
import { refuse } from "../container/written/refuse.ts";
import { report } from "../outcomes.ts";
import { stopTime } from "../shared-flags.ts";
import { volumeNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] VOLUME [VOLUME...]",
  about: "Remove one or more existing volumes.\n\n  By default only volumes that are not being used by any containers will be removed. To remove the volumes anyways, use the --force flag.",
  frees: true,
  operands: any(volumeNames),
  flags: {
    all: toggle({ short: "a", help: "Remove all volumes" }),
    force: toggle({ short: "f", help: "Remove a volume by force, even if it is being used by a container" }),
    time: stopTime,
  },
  exits: { "volume.not-found": 1, "volume.in-use": 2 },
  examples: ["podman volume rm myvol1 myvol2", "podman volume rm --all", "podman volume rm --force myvol"],
  async run({ context, flags, given, operands }) {
    if (given.has("time") && !flags.force) throw refuse("--force option must be specified to use the --time option");
    if (operands.length === 0 && !flags.all) throw refuse("choose either one or more volumes or all");
    if (operands.length > 0 && flags.all) throw refuse("choose either one or more volumes or all");
    const options = { force: flags.force, ...(flags.time === undefined ? {} : { timeout: flags.time }) };
    const outcomes = await removeVolumes(context.host, { names: operands, all: flags.all }, options);
    report(context, outcomes.filter(({ fault }) => !(flags.force && fault?.code === "volume.not-found")), ({ id, target }) => id ?? target);
  },
});
