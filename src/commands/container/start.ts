// podman start: starts containers; attached, one.

import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { startAttached } from "../../engine/containers/attached.ts";
import { get, latest as latestOf } from "../../engine/containers/lookup.ts";
import { startAll } from "../../engine/containers/start.ts";
import { report } from "../outcomes.ts";
import { detachKeys, filters, latest } from "../shared-flags.ts";
import { startableContainers } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { warn } from "../warnings.ts";
import { refuse } from "./written/refuse.ts";

const flags = {
  all: toggle({ help: "Start all containers regardless of their state or configuration" }),
  attach: toggle({ short: "a", help: "Attach container's STDOUT and STDERR" }),
  detachKeys,
  filter: filters,
  interactive: toggle({ short: "i", help: "Make STDIN available to the contained process" }),
  latest,
  sigProxy: toggle({ help: "Proxy received signals to the process (default true if attaching, false otherwise)" }),
  config: text({ help: "", hidden: true }),
} as const;

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Starts one or more containers.  The container name or ID can be used.",
  operands: any(startableContainers),
  flags,
  examples: ["podman start 860a4b231279 5421ab43b45", "podman start --interactive --attach imageID"],
  async run(call) {
    check(call);
    const { context, flags: asked, operands } = call;
    context.host.store.passing();
    if (asked.attach || asked.interactive) {
      const record = asked.latest ? latestOf(context.host) : get(context.host, operands[0]!);
      const end = await startAttached(context.host, record.id, {
        stdin: asked.interactive,
        stdout: true,
        stderr: true,
        ...(call.given.has("detachKeys") ? { detachKeys: asked.detachKeys ?? "" } : {}),
        signalProxy: call.given.has("sigProxy") ? asked.sigProxy : true,
        onWarning: warn,
      });
      return end.exitCode;
    }
    const outcomes = await startAll(context.host, { names: operands, all: asked.all, latest: asked.latest, filters: asked.filter });
    report(context, outcomes);
    return context.exitStatus;
  },
});

function check({ flags: asked, operands, given }: VerbCall<typeof flags>): void {
  if (operands.length === 0 && !asked.latest && !asked.all && asked.filter.length === 0) throw refuse("start requires at least one argument");
  if (asked.all && (asked.latest || operands.length > 0)) {
    throw refuse(asked.latest ? "--all and --latest cannot be used together" : "either start all containers or the container(s) provided in the arguments");
  }
  if (operands.length > 0 && asked.latest) throw refuse("--latest and containers cannot be used together");
  if (operands.length > 1 && (asked.attach || asked.interactive)) throw refuse("you cannot start and attach multiple containers at once");
  if (given.has("sigProxy") && asked.sigProxy && !asked.attach && !asked.interactive) {
    throw refuse("you cannot use sig-proxy without --attach: invalid argument");
  }
}
