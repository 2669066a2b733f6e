// system adopt: brings images, volumes, networks and secrets over from an installed Podman, whose store is only read.

import { Fault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { planAdoption } from "../../engine/adopt.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Brings images, volumes, networks and secrets over from an installed Podman. Its store is only read; what is here already is passed over, so an interrupted move can be run again.\n\n  Images keep their IDs. Podman does not keep layers as they were pulled, so manifests are made anew.",
  operands: none(),
  flags: {
    dryRun: toggle({ help: "Print what would come over, and change nothing" }),
    from: text({ help: "Root of podman's store; default where podman has it for this user", complete: files }),
  },
  examples: ["podman system adopt --dry-run", "podman system adopt", "podman system adopt --from /srv/containers/storage"],
  async run({ context, flags }) {
    const usual = context.host.rootless ? `${process.env["XDG_DATA_HOME"] || `${process.env["HOME"]}/.local/share`}/containers/storage` : "/var/lib/containers/storage";
    for (const step of planAdoption(context.host, (flags.from ?? usual).replace(/(.)\/+$/, "$1"))) {
      const shown = `${step.kind} ${step.name}`;
      if (step.obstacle !== undefined && !step.isHere) context.out(`left ${shown}: ${step.obstacle}`);
      else if (step.isHere) context.out(`here ${shown}`);
      else if (flags.dryRun) context.out(`would adopt ${shown}`);
      else {
        try {
          await step.run();
          context.out(`adopted ${shown}`);
        } catch (thrown) {
          if (!(thrown instanceof Fault)) throw thrown;
          context.failed(new Fault(thrown.code, `cannot adopt ${shown}: ${thrown.message}`, thrown.hint === undefined ? {} : { hint: thrown.hint }));
        }
      }
    }
    return context.exitStatus;
  },
});
