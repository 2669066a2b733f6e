// podman network reload: sets the networks of containers up again as they were, after a firewall was flushed.
// Source: podman-network-reload(1).

import { toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { reloadNetworks } from "../../engine/networks/hot.ts";
import { report } from "../outcomes.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] [CONTAINER...]",
  about: "Reload container networks, recreating firewall rules",
  operands: namesAllOrLatest(allContainers),
  flags: { all: toggle({ short: "a", help: "Reload network configuration of all containers" }), latest },
  examples: ["podman network reload 3c13ef6dd843", "podman network reload test1 test2"],
  async run({ context, flags, operands }) {
    report(context, await reloadNetworks(context.host, { names: operands, all: flags.all, latest: flags.latest }), ({ id }) => id);
  },
});
