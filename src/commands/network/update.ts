// podman network update: other DNS servers for a network.
// Source: podman-network-update(1).

import { list } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { updateNetwork } from "../../engine/networks/networks.ts";
import { networkNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] NETWORK",
  about: "Update an existing podman network",
  operands: exactly(1, networkNames),
  flags: {
    dnsAdd: list({ help: "add network level nameservers" }),
    dnsDrop: list({ help: "remove network level nameservers" }),
  },
  examples: ["podman network update podman1"],
  async run({ context, flags, operands }) {
    await updateNetwork(context.host, operands[0]!, { addServers: flags.dnsAdd, dropServers: flags.dnsDrop });
    context.out(operands[0]!);
  },
});
