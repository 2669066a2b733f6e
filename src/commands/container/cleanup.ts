// podman container cleanup: what conmon calls when a container or an exec session has ended.

import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { cleanup } from "../../engine/containers/cleanup.ts";
import { report } from "../outcomes.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Cleans up mount points and network stacks on one or more containers from the host. The container name or ID can be used. This command is used internally when running containers, but can also be used if container cleanup has failed when a container exits.\n",
  frees: true,
  operands: any(allContainers),
  flags: {
    all: toggle({ short: "a", help: "Cleans up all containers" }),
    exec: text({ help: "Clean up the given exec session instead of the container" }),
    latest,
    rm: toggle({ help: "After cleanup, remove the container entirely" }),
    rmi: toggle({ help: "After cleanup, remove the image entirely" }),
    stoppedOnly: toggle({ help: "Only cleanup when the container is in the stopped state" }),
  },
  exits: { "image.in-use": 125 },
  examples: ["podman container cleanup --latest", "podman container cleanup ctrID1 ctrID2 ctrID3", "podman container cleanup --all"],
  async run({ context, flags, operands }) {
    if (flags.exec !== undefined && flags.rmi) throw refuse("--exec and --rmi cannot be set together");
    if (flags.exec !== undefined && (flags.all || flags.latest)) throw refuse("--all and --exec cannot be set together");
    if (flags.latest && operands.length > 0) throw refuse("--latest and containers cannot be used together");
    if (flags.latest && flags.all) throw refuse("--all and --latest cannot be used together");
    if (operands.length === 0 && !flags.all && !flags.latest) throw refuse("you must provide at least one name or id");
    const outcomes = await cleanup(context.host, { names: operands, all: flags.all, latest: flags.latest }, {
      ...(flags.exec === undefined ? {} : { exec: flags.exec }),
      remove: flags.rm,
      removeImage: flags.rmi,
      stoppedOnly: flags.stoppedOnly,
    });
    report(context, outcomes);
  },
});
