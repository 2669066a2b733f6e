// podman network ls.

import { goJson } from "../../base/go-json.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showRows, view, type View } from "../../cli/view.ts";
import { listNetworks, type Network } from "../../engine/networks/networks.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";

function networksView(noTrunc: boolean): View<Network> {
  return view<Network>({
    name: "ls",
    type: "networks.ListPrintReports",
    columns: {
      Created: ["CREATED", (row) => row.created],
      DNSEnabled: ["DNSENABLED", (row) => row.dns_enabled],
      Driver: ["DRIVER", (row) => row.driver],
      ID: ["NETWORK ID", (row) => (noTrunc ? row.id : row.id.slice(0, 12))],
      IPv6Enabled: ["IPV6ENABLED", (row) => row.ipv6_enabled],
      Internal: ["INTERNAL", (row) => row.internal],
      Labels: ["LABELS", (row) => Object.entries(row.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(",")],
      Name: ["NAME", (row) => row.name],
      NetworkInterface: ["NETWORKINTERFACE", (row) => row.network_interface ?? ""],
      Options: ["OPTIONS", (row) => row.options ?? {}],
      Subnets: ["SUBNETS", (row) => row.subnets ?? []],
    },
    table: "table {{.ID}}\t{{.Name}}\t{{.Driver}}",
  });
}

export default verb({
  looks: true,
  usage: "[options]",
  about: "List networks",
  operands: none(),
  flags: {
    filter: texts({ short: "f", help: "Provide filter values (e.g. 'name=podman')" }),
    format: text({ help: "Pretty-print networks to JSON or using a Go template", complete: (word, at) => completesFormat(networksView(false).columns)(word, at) }),
    noTrunc: toggle({ help: "Do not truncate the network ID" }),
    noheading: toggle({ short: "n", help: "Do not print headers" }),
    quiet: toggle({ short: "q", help: "display only names" }),
  },
  examples: ["podman network list"],
  async run({ context, flags, given }) {
    if (flags.quiet && given.has("format")) throw refuse("only one of quiet or format is allowed");
    const rows = listNetworks(context.host, flags.filter);
    if (flags.format === "json") context.out(rows.length === 0 ? "[]" : goJson(rows, { indent: "     " }));
    else if (flags.quiet) context.write(rows.map((row) => `${row.name}\n`).join(""));
    else context.write(await showRows(networksView(flags.noTrunc), rows, { ...(flags.format === undefined ? {} : { format: flags.format }), noHeading: flags.noheading }));
  },
});
