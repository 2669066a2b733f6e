// podman init: makes the runtime create containers without starting them.

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { init } from "../../engine/containers/start.ts";
import { report } from "../outcomes.ts";
import { latest } from "../shared-flags.ts";
import { createdContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Initialize one or more containers, creating the OCI spec and mounts for inspection. Container names or IDs can be used.",
  operands: namesAllOrLatest(createdContainers),
  flags: { all: toggle({ short: "a", help: "Initialize all containers" }), latest },
  examples: ["podman init 3c45ef19d893", "podman init test1"],
  async run({ context, flags, operands }) {
    report(context, await init(context.host, { names: operands, all: flags.all, latest: flags.latest }));
  },
});
