// podman top: the processes of a container.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { alignTabs } from "../../cli/table.ts";
import { get, latest as latestOf } from "../../engine/containers/lookup.ts";
import { top, topDescriptors } from "../../engine/containers/top.ts";
import { latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] CONTAINER [FORMAT-DESCRIPTORS|ARGS...]",
  about: "Display the running processes of a container.\n\n  The top command extends the ps(1) compatible AIX descriptors with container-specific ones as shown below.  In the presence of ps(1) specific flags (e.g, -eo), Podman will execute ps(1) inside the container.",
  operands: any(runningContainers),
  interspersed: false,
  flags: { latest, listDescriptors: toggle({ help: "", hidden: true }) },
  examples: ["podman top ctrID", "podman top ctrID pid seccomp args %C", "podman top ctrID -eo user,pid,comm"],
  async run({ context, flags, operands }) {
    if (flags.listDescriptors) {
      context.out(topDescriptors().join("\n"));
      return;
    }
    if (operands.length === 0 && !flags.latest) throw refuse("you must provide the name or id of a running container");
    const [name, ...rest] = operands;
    const record = flags.latest ? latestOf(context.host) : get(context.host, name!);
    const rows = await top(context.host, record.id, flags.latest ? operands : rest);
    context.write(alignTabs(`${rows.map((row) => row.join("\t")).join("\n")}\n`));
  },
});
