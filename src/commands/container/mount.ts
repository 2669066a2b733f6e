// podman mount: the roots of containers at paths of the host.

import { goJson } from "../../base/go-json.ts";
import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { mount, mounted } from "../../engine/containers/mount.ts";
import { filters, latest, noTrunc } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb, type Invocation } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] [CONTAINER...]",
  about: "podman mount\n    Lists all mounted containers mount points if no container is specified\n\n  podman mount CONTAINER-NAME-OR-ID\n    Mounts the specified container and outputs the mountpoint\n",
  needs: "unshared",
  operands: any(allContainers),
  flags: {
    all: toggle({ short: "a", help: "Mount all containers" }),
    filter: filters,
    format: text({ help: "Print the mounted containers in specified format (json)" }),
    latest,
    noTrunc,
  },
  examples: ["podman mount", "podman mount 8bfb8e8b4a54"],
  async run({ context, flags, operands }) {
    if (flags.latest && operands.length > 0) throw refuse("--latest and containers cannot be used together");
    if (flags.all && flags.latest) throw refuse("--all and --latest cannot be used together");
    if (flags.all && operands.length > 0) throw refuse("no arguments are needed with --all");
    if (flags.format !== undefined && flags.format !== "json") throw refuse(`invalid argument "${flags.format}" for "format": unsupported option`, "the only format is json");
    if (!flags.all && !flags.latest && operands.length === 0) return showMounted(context, flags);
    const outcomes = await mount(context.host, { names: operands, all: flags.all, latest: flags.latest, filters: flags.filter });
    const single = operands.length === 1 || flags.latest;
    for (const { fault, id, path } of outcomes) {
      if (fault) context.failed(fault);
      else context.out(single ? path! : `${id!.slice(0, flags.noTrunc ? undefined : 12)} ${path}`);
    }
    return context.exitStatus;
  },
});

function showMounted(context: Invocation, flags: { format?: string | undefined; noTrunc: boolean }): number {
  const rows = mounted(context.host);
  if (flags.format === "json") {
    context.out(goJson(rows.map(({ id, name, path }) => ({ id, Names: [name], mountpoint: path })), { indent: "   " }));
    return 0;
  }
  for (const { id, path } of rows) context.out(`${flags.noTrunc ? id : id.slice(0, 12)}  ${path}`);
  return 0;
}
