// podman pod rm. No pod can be made yet: --all has nothing to do, and a name is one that is not known.

import { rmSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { texts, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { latest, stopTime } from "../shared-flags.ts";
import { verb } from "../verb.ts";
import { noSuchPod, readPodIdFile } from "./absent.ts";

export default verb({
  usage: "[options] POD [POD...]",
  about: "podman rm will remove one or more stopped pods and their containers from the host.\n\n  The pod name or ID can be used.  A pod with containers will not be removed without --force. If --force is specified, all containers will be stopped, then removed.",
  frees: true,
  operands: any(),
  flags: {
    all: toggle({ short: "a", help: "Remove all running pods" }),
    force: toggle({ short: "f", help: "Force removal of a running pod by first stopping all containers, then removing all containers in the pod.  The default is false" }),
    ignore: toggle({ short: "i", help: "Ignore errors when a specified pod is missing" }),
    latest,
    podIdFile: texts({ help: "Read the pod ID from the file" }),
    time: stopTime,
  },
  exits: { "container.not-found": 1 },
  examples: ["podman pod rm mywebserverpod", "podman pod rm -f 860a4b23", "podman pod rm -f -a"],
  run({ context, flags, given, operands }) {
    if (flags.latest && flags.all) throw new Fault("usage.invalid", "--all and --latest cannot be used together");
    if (flags.latest && operands.length > 0) throw new Fault("usage.invalid", "--latest and pods cannot be used together");
    if (flags.latest) throw noSuchPod();
    if (operands.length === 0 && !flags.all && flags.podIdFile.length === 0) throw new Fault("usage.invalid", "you must provide at least one name or id");
    if (given.has("time") && !flags.force) throw new Fault("usage.invalid", "--force option must be specified to use the --time option");
    const inFiles = flags.podIdFile.map(readPodIdFile);
    const mayBeMissing = flags.ignore || flags.force;
    if (mayBeMissing) for (const file of flags.podIdFile) rmSync(file);
    else for (const name of [...operands, ...inFiles]) context.failed(noSuchPod(name));
  },
});
