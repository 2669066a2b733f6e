// podman rmi: removes images, or just names of them.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { removeImagesOf } from "../../engine/images.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [IMAGE...]",
  about: "Removes one or more previously pulled or locally created images.",
  frees: true,
  operands: any(imageNames),
  flags: {
    all: toggle({ short: "a", help: "Remove all images" }),
    force: toggle({ short: "f", help: "Force Removal of the image" }),
    ignore: toggle({ short: "i", help: "Ignore errors if a specified image does not exist" }),
    noPrune: toggle({ help: "Do not remove dangling images" }),
  },
  examples: ["podman rmi imageID", "podman rmi --force alpine", "podman rmi c4dfb1609ee2 93fd78260bd1 c0ed59d05ff7"],
  async run({ context, flags, operands }) {
    if (operands.length === 0 && !flags.all) throw refuse("image name or ID must be specified");
    if (operands.length > 0 && flags.all) throw refuse("when using the --all switch, you may not pass any images names or IDs");
    const removed = await removeImagesOf(context.host, operands, { force: flags.force, ignore: flags.ignore || flags.force, noPrune: flags.noPrune });
    for (const name of removed.untagged) context.out(`Untagged: ${name}`);
    for (const id of removed.deleted) context.out(`Deleted: ${id}`);
    for (const fault of removed.faults) context.failed(fault);
    return removed.exit;
  },
});
