// podman image prune: removes images that nothing uses.

import { texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { pruneImages } from "../../engine/images.ts";
import { removeBuildCaches } from "../../engine/steps/cache-directory.ts";
import { confirm } from "../confirm.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Removes dangling or unused images from local storage.",
  frees: true,
  operands: none(),
  flags: {
    all: toggle({ short: "a", help: "Remove all images not in use by containers, not just dangling ones" }),
    buildCache: toggle({ help: "Remove persistent build cache created by --mount=type=cache" }),
    external: toggle({ help: "Remove images even when they are used by external containers (e.g., by build containers)" }),
    filter: texts({ help: "Provide filter values (e.g. 'label=<key>=<value>')" }),
    force: toggle({ short: "f", help: "Do not prompt for confirmation" }),
  },
  examples: ["podman image prune", "podman image prune --all"],
  async run({ context, flags }) {
    const which = flags.all ? "all images without at least one container associated to them" : "all dangling images";
    if (!flags.force && !(await confirm(context, `WARNING! This command removes ${which}.\nAre you sure you want to continue? [y/N] `))) return;
    if (flags.buildCache) removeBuildCaches(context.host);
    const removed = await pruneImages(context.host, { all: flags.all, external: flags.external, filters: flags.filter });
    for (const id of removed.deleted) context.out(id);
    for (const fault of removed.faults) context.failed(fault);
    return context.exitStatus;
  },
});
