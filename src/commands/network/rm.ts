// podman network rm.

import { toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { removeNetworks } from "../../engine/networks/networks.ts";
import { refuse } from "../container/written/refuse.ts";
import { report } from "../outcomes.ts";
import { stopTime } from "../shared-flags.ts";
import { networkNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] NETWORK [NETWORK...]",
  about: "Remove networks",
  frees: true,
  operands: atLeast(1, networkNames),
  flags: { force: toggle({ short: "f", help: "remove any containers using network" }), time: stopTime },
  exits: { "network.not-found": 1, "network.in-use": 2 },
  examples: ["podman network rm podman"],
  async run({ context, flags, given, operands }) {
    if (given.has("time") && !flags.force) throw refuse("--force option must be specified to use the --time option");
    const outcomes = await removeNetworks(context.host, operands, { force: flags.force, ...(flags.time === undefined ? {} : { timeout: flags.time }) });
    report(context, outcomes.filter(({ fault }) => !(flags.force && fault?.code === "network.not-found")));
  },
});
