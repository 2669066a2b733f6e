// podman unshare: a command, or a shell, in the namespaces where an ordinary user is root.
// Source: podman-unshare(1).

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { outputDescriptor } from "../../cli/output.ts";
import { runInRootlessNetns, runUnshared } from "../../engine/unshare.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] [COMMAND [ARG...]]",
  about: "Runs a command in a modified user namespace.",
  operands: any(),
  flags: {
    rootlessNetns: toggle({ help: "Join the rootless network namespace used for netavark networking" }),
  },
  interspersed: false,
  examples: ["podman unshare id", "podman unshare cat /proc/self/uid_map,", "podman unshare podman-script.sh"],
  async run({ context, flags, operands }) {
    if (flags.rootlessNetns) return runInRootlessNetns(context.host, operands, outputDescriptor());
    return runUnshared(context.host, operands, outputDescriptor());
  },
});
