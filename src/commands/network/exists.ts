// podman network exists: status 0 when there is one of that name or ID, 1 when not.

import { Fault } from "../../base/fault.ts";
import { exactly } from "../../cli/operands.ts";
import { getNetwork } from "../../engine/networks/networks.ts";
import { networkNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "NETWORK",
  about: "If the named network exists, podman network exists exits with 0, otherwise the exit code will be 1.",
  operands: exactly(1, networkNames),
  flags: {},
  examples: ["podman network exists net1"],
  run({ context, operands }) {
    try {
      getNetwork(context.host, operands[0]!);
      return 0;
    } catch (fault) {
      if (fault instanceof Fault && fault.code === "network.not-found") return 1;
      throw fault;
    }
  },
});
