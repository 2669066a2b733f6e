// podman network prune: removes networks that no container uses.

import { texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { pruneNetworks } from "../../engine/networks/networks.ts";
import { confirm } from "../confirm.ts";
import { report } from "../outcomes.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Prune unused networks",
  frees: true,
  operands: none(),
  flags: {
    filter: texts({ help: "Provide filter values (e.g. 'label=<key>=<value>')" }),
    force: toggle({ short: "f", help: "do not prompt for confirmation" }),
  },
  examples: ["podman network prune"],
  async run({ context, flags }) {
    const question = "WARNING! This will remove all networks not used by at least one container.\nAre you sure you want to continue? [y/N] ";
    if (!flags.force && !(await confirm(context, question))) return;
    report(context, await pruneNetworks(context.host, flags.filter));
  },
});
