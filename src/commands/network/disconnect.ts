// podman network disconnect: one network less for a container, at once where it runs.
// Source: podman-network-disconnect(1).

import { toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { disconnectContainer } from "../../engine/networks/hot.ts";
import { networkThenContainer } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] NETWORK CONTAINER",
  about: "Remove container from a network",
  operands: exactly(2, networkThenContainer),
  // For docker's sake; a container that runs is never asked whether it agrees.
  flags: { force: toggle({ short: "f", help: "force removal of container from network" }) },
  exits: { "network.failed": 125 },
  examples: ["podman network disconnect web secondary"],
  async run({ context, operands }) {
    await disconnectContainer(context.host, operands[0]!, operands[1]!);
  },
});
