// podman container inspect.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { latest as latestOf } from "../../engine/containers/lookup.ts";
import { formatFlag, inspectEach } from "../inspect.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  looks: true,
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Displays the low-level information on a container identified by name or ID.",
  operands: any(allContainers),
  flags: { format: formatFlag, latest, size: toggle({ short: "s", help: "Display total file size" }) },
  examples: [
    "podman container inspect myCtr",
    "podman container inspect -l --format '{{.Id}} {{.Config.Labels}}'",
  ],
  async run({ context, flags, operands }) {
    if (flags.latest && operands.length > 0) throw refuse("--latest and arguments cannot be used together");
    if (operands.length === 0 && !flags.latest) throw refuse("no containers, images, volumes, networks or pods to inspect: names or ids must be specified");
    const names = flags.latest ? [latestOf(context.host).id] : operands;
    await inspectEach(context, names, { kinds: ["container"], format: flags.format, size: flags.size });
    return context.exitStatus;
  },
});
