// podman container prune: removes all containers that do not run.

import { texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { prune } from "../../engine/containers/remove.ts";
import { confirm } from "../confirm.ts";
import { report } from "../outcomes.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "podman container prune\n\n\tRemoves all non running containers",
  frees: true,
  operands: none(),
  flags: {
    filter: texts({ help: "Provide filter values (e.g. 'label=<key>=<value>')" }),
    force: toggle({ short: "f", help: "Do not prompt for confirmation.  The default is false" }),
  },
  examples: ["podman container prune"],
  async run({ context, flags }) {
    const question = "WARNING! This will remove all non running containers.\nAre you sure you want to continue? [y/N] ";
    if (!flags.force && !(await confirm(context, question))) return;
    const { outcomes } = await prune(context.host, flags.filter);
    report(context, outcomes, ({ id, target }) => id ?? target);
  },
});
