// podman network connect: one more network for a container, at once where it runs.
// Source: podman-network-connect(1).

import { list, text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { connectContainer } from "../../engine/networks/hot.ts";
import { checkMac, isAddress } from "../container/written/networks.ts";
import { refuse } from "../container/written/refuse.ts";
import { networkThenContainer } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] NETWORK CONTAINER",
  about: "Add container to a network",
  operands: exactly(2, networkThenContainer),
  flags: {
    alias: list({ help: "network scoped alias for container" }),
    ip: text({ value: "ip", help: "set a static ipv4 address for this container network" }),
    ip6: text({ value: "ip", help: "set a static ipv6 address for this container network" }),
    macAddress: text({ help: "set a static mac address for this container network" }),
  },
  exits: { "network.failed": 125 },
  examples: ["podman network connect web secondary"],
  async run({ context, flags, operands }) {
    const [network, container] = operands as [string, string];
    const ips = [flags.ip, flags.ip6].filter((ip) => ip !== undefined);
    for (const ip of ips) if (!isAddress(ip)) throw refuse(`failed to parse IP: ${JSON.stringify(ip)}`);
    await connectContainer(context.host, network, container, {
      ...(flags.alias.length > 0 ? { aliases: [...flags.alias] } : {}),
      ...(ips.length > 0 ? { ips } : {}),
      ...(flags.macAddress ? { mac: checkMac(flags.macAddress) } : {}),
    });
  },
});
