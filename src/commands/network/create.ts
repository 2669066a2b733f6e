// podman network create.

import { list, text, texts, toggle } from "../../cli/flag.ts";
import { atMost } from "../../cli/operands.ts";
import { createNetwork } from "../../engine/networks/networks.ts";
import { readLabels } from "../container/written/environment.ts";
import { cut } from "../container/written/refuse.ts";
import { interfaceNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] [NAME]",
  about: "Create networks for containers and pods",
  operands: atMost(1),
  flags: {
    disableDns: toggle({ help: "disable dns plugin" }),
    dns: list({ help: "DNS servers this network will use" }),
    driver: text({ short: "d", help: "driver to manage the network", fallback: "bridge" }),
    gateway: list({ value: "ipSlice", help: "IPv4 or IPv6 gateway for the subnet", shown: "[]" }),
    ignore: toggle({ help: "Don't fail if network already exists" }),
    interfaceName: text({ help: "interface name which is used by the driver", complete: interfaceNames }),
    internal: toggle({ help: "restrict external access from this network" }),
    ipRange: texts({ help: "allocate container IP from range" }),
    ipamDriver: text({ help: "IP Address Management Driver" }),
    ipv6: toggle({ help: "enable IPv6 networking" }),
    label: texts({ help: "set metadata on a network" }),
    opt: texts({ short: "o", help: "Set driver specific options", shown: "[]" }),
    route: texts({ help: "static routes" }),
    subnet: texts({ help: "subnets in CIDR format" }),
  },
  examples: ["podman network create podman1"],
  run({ context, flags, operands }) {
    const network = createNetwork(context.host, {
      ...(operands[0] === undefined ? {} : { name: operands[0] }),
      driver: flags.driver,
      subnets: flags.subnet,
      gateways: flags.gateway,
      ranges: flags.ipRange,
      routes: flags.route,
      ipv6: flags.ipv6,
      internal: flags.internal,
      disableDns: flags.disableDns,
      dns: flags.dns,
      ignore: flags.ignore,
      labels: readLabels(flags.label),
      options: Object.fromEntries(flags.opt.map((line) => cut(line)).map(([name, value]) => [name, value ?? ""])),
      ...(flags.interfaceName === undefined ? {} : { interfaceName: flags.interfaceName }),
      ...(flags.ipamDriver === undefined ? {} : { ipamDriver: flags.ipamDriver }),
    });
    context.out(network.name);
  },
});
