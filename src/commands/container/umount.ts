// podman unmount: undoes podman mount.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { unmount } from "../../engine/containers/mount.ts";
import { report } from "../outcomes.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Container storage increments a mount counter each time a container is mounted.\n\n  When a container is unmounted, the mount counter is decremented. The container's root filesystem is physically unmounted only when the mount counter reaches zero indicating no other processes are using the mount.\n\n  An unmount can be forced with the --force flag.\n",
  operands: namesAllOrLatest(allContainers),
  flags: {
    all: toggle({ short: "a", help: "Unmount all of the currently mounted containers" }),
    force: toggle({ short: "f", help: "Force the complete unmount of the specified mounted containers" }),
    latest,
  },
  examples: ["podman unmount ctrID", "podman unmount ctrID1 ctrID2 ctrID3", "podman unmount --all"],
  async run({ context, flags, operands }) {
    report(context, await unmount(context.host, { names: operands, all: flags.all, latest: flags.latest }, { force: flags.force }));
  },
});
