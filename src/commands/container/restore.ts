// podman container restore: checkpointed containers go on, here or wherever their archive or image was brought.
// Source: podman-container-restore(1).

import { files as anyFile } from "../../cli/complete.ts";
import { list, text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import type { RestoreOutcome } from "../../engine/checkpoints/restore.ts";
import { restoreFrom, type RestoreRequest } from "../../engine/checkpoints/restore-from.ts";
import { piecesOf, piecesOfFile } from "../input.ts";
import { report } from "../outcomes.ts";
import { latest } from "../shared-flags.ts";
import { containersAndImages } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { printStatistics } from "./checkpoint-statistics.ts";
import { readPorts } from "./written/ports.ts";
import { refuse } from "./written/refuse.ts";

const flags = {
  all: toggle({ short: "a", help: "Restore all checkpointed containers" }),
  allowLabelLoss: toggle({ help: "Let a container go on without its SELinux label where criu cannot give it back" }),
  fileLocks: toggle({ help: "Restore a container with file locks" }),
  ignoreRootfs: toggle({ help: "Do not apply root file-system changes when importing from exported checkpoint" }),
  ignoreStaticIp: toggle({ help: "Ignore IP address set via --static-ip" }),
  ignoreStaticMac: toggle({ help: "Ignore MAC address set via --mac-address" }),
  ignoreVolumes: toggle({ help: "Do not export volumes associated with container" }),
  import: text({ short: "i", help: "Restore from exported checkpoint archive (tar.gz)", complete: anyFile }),
  importPrevious: text({ help: "Restore from exported pre-checkpoint archive (tar.gz)", complete: anyFile }),
  keep: toggle({ short: "k", help: "Keep all temporary checkpoint files" }),
  latest,
  name: text({ short: "n", help: "Specify new name for container restored from exported checkpoint (only works with image or --import)" }),
  pod: text({ help: "Restore container into existing Pod (only works with image or --import)", refused: "there are no pods in this build yet" }),
  printStats: toggle({ help: "Display restore statistics" }),
  publish: list({ short: "p", help: "Publish a container's port, or a range of ports, to the host (default [])" }),
  tcpClose: toggle({ help: "Restore a container and close all TCP connections" }),
  tcpEstablished: toggle({ help: "Restore a container with established TCP connections" }),
} as const;

export default verb({
  usage: "[options] CONTAINER|IMAGE [CONTAINER|IMAGE...]",
  about: "\n   podman container restore\n\n   Restores a container from a checkpoint. The container name or ID can be used.\n",
  operands: any(containersAndImages),
  flags,
  examples: ["podman container restore ctrID", "podman container restore imageID", "podman container restore --all"],
  async run(call) {
    const started = performance.now();
    const { context } = call;
    check(call);
    const outcomes = await restoreFrom(context.host, requestOf(call));
    if (call.flags.printStats) printStatistics<RestoreOutcome>(context, "restore", { outcomes, started });
    else report(context, outcomes);
  },
});

function requestOf({ flags: asked, operands }: VerbCall<typeof flags>): RestoreRequest {
  const source = asked.import === undefined ? undefined : asked.import === "-" ? piecesOf(0) : piecesOfFile(asked.import);
  return {
    ...asked,
    choice: { names: operands, all: asked.all, latest: asked.latest },
    ...(source ? { archive: source } : {}),
    ...(asked.importPrevious === undefined ? {} : { previous: piecesOfFile(asked.importPrevious) }),
    ...(asked.name === undefined ? {} : { name: asked.name }),
    ports: readPorts(asked.publish),
  };
}

function check({ flags: asked, operands }: VerbCall<typeof flags>): void {
  if (asked.name !== undefined && asked.tcpEstablished) throw refuse("--tcp-established cannot be used with --name", "the copy has another address; use --tcp-close");
  if (asked.import !== undefined && (asked.all || asked.latest)) throw refuse("cannot use --import with --all or --latest");
  if (asked.import !== undefined && operands.length > 0) throw refuse("cannot use --import with positional arguments");
  if (asked.all && asked.latest) throw refuse("--all and --latest cannot be used together");
  if ((asked.all || asked.latest) && operands.length > 0) throw refuse("--all or --latest and containers cannot be used together");
  if (operands.length === 0 && !asked.all && !asked.latest && asked.import === undefined) throw refuse("you must provide at least one name or id");
  if (operands.length > 1 && asked.name !== undefined) throw refuse("--name can only be used with one checkpoint image");
}
