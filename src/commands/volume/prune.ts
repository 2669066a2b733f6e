// podman volume prune: removes volumes that no container uses.

import { texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { pruneVolumes, unusedVolumes } from "../../engine/volumes/volumes.ts";
import { confirm } from "../confirm.ts";
import { report } from "../outcomes.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Volumes that are not currently owned by a container will be removed.\n\n  The command prompts for confirmation which can be overridden with the --force flag.\n  Note all data will be destroyed.",
  frees: true,
  operands: none(),
  flags: {
    filter: texts({ help: "Provide filter values (e.g. 'label=<key>=<value>')" }),
    force: toggle({ short: "f", help: "Do not prompt for confirmation" }),
  },
  async run({ context, flags }) {
    if (!flags.force) {
      const names = unusedVolumes(context.host, flags.filter).map(({ name }) => `${name}\n`);
      if (names.length === 0) return context.out("No dangling volumes found");
      const question = "WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:\n";
      if (!(await confirm(context, `${question}${names.join("")}Are you sure you want to continue? [y/N] `))) return;
    }
    const { outcomes } = pruneVolumes(context.host, flags.filter);
    report(context, outcomes);
  },
});
