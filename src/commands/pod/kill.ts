// podman pod kill. No pod can be made yet, so every name is one that is not known; the signal is checked all the same.

import { parseSignal } from "../../base/signals.ts";
import { Fault } from "../../base/fault.ts";
import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { latest } from "../shared-flags.ts";
import { verb } from "../verb.ts";
import { noSuchPod } from "./absent.ts";

export default verb({
  usage: "[options] POD [POD...]",
  about: "Signals are sent to the main process of each container inside the specified pod.\n\n  The default signal is SIGKILL, or any signal specified with option --signal.",
  operands: any(),
  flags: {
    all: toggle({ short: "a", help: "Kill all containers in all pods" }),
    latest,
    signal: text({ short: "s", help: "Signal to send to the containers in the pod", fallback: "KILL" }),
  },
  examples: ["podman pod kill podID", "podman pod kill --signal TERM mywebserver"],
  run({ context, flags, operands }) {
    parseSignal(flags.signal);
    if (flags.latest && flags.all) throw new Fault("usage.invalid", "--all and --latest cannot be used together");
    if (flags.latest && operands.length > 0) throw new Fault("usage.invalid", "--latest and pods cannot be used together");
    if (flags.latest) throw noSuchPod();
    if (operands.length === 0 && !flags.all) throw new Fault("usage.invalid", "you must provide at least one name or id");
    for (const name of operands) context.failed(noSuchPod(name));
  },
});
