// podman volume prune: removes volumes that no container uses.

import { humanSize } from "../../base/bytes.ts";
import { texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { pruneVolumes } from "../../engine/volumes/volumes.ts";
import { confirm } from "../confirm.ts";
import { report } from "../outcomes.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Volumes that are not currently owned by a container will be removed.\n\n  The command prompts for confirmation which can be overridden with the --force flag.\n  Note all data will be destroyed.",
  operands: none(),
  flags: {
    filter: texts({ help: "Provide filter values (e.g. 'label=<key>=<value>')" }),
    force: toggle({ short: "f", help: "Do not prompt for confirmation" }),
  },
  async run({ context, flags }) {
    const question = "WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:\nAre you sure you want to continue? [y/N] ";
    if (!flags.force && !(await confirm(context, question))) return;
    const { outcomes, bytes } = pruneVolumes(context.host, flags.filter);
    report(context, outcomes);
    if (bytes > 0) context.err(`Total reclaimed space: ${humanSize(bytes)}`);
  },
});
