// podman system reset: everything goes.
// Source: podman-system-reset(1).

import { toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { reset } from "../../engine/reset.ts";
import { confirm } from "../confirm.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Reset podman storage back to default state\n\n  All containers will be stopped and removed, and all images, volumes, networks and container content will be removed.\n",
  frees: true,
  operands: none(),
  flags: { force: toggle({ short: "f", help: "Do not prompt for confirmation" }) },
  examples: ["podman system reset", "podman system reset --force"],
  async run({ context, flags }) {
    const { root, runroot } = context.host.paths;
    const things = ["containers", "pods", "images", "networks", "build cache", "machines", "volumes"].map((thing) => `        - all ${thing}`);
    const question = [
      "WARNING! This will remove:", ...things,
      `        - the graphRoot directory: ${JSON.stringify(root)}`, `        - the runRoot directory: ${JSON.stringify(runroot)}`,
      "Are you sure you want to continue? [y/N] ",
    ].join("\n");
    if (!flags.force && !(await confirm(context, question))) return;
    await reset(context.host);
  },
});
