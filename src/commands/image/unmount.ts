// podman image unmount: undoes podman image mount.
// Source: podman-image-unmount(1).

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { unmountImages } from "../../engine/images-mount.ts";
import { refuse } from "../container/written/refuse.ts";
import { report } from "../outcomes.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [IMAGE...]",
  about: "Image storage increments a mount counter each time an image is mounted.\n\n  When an image is unmounted, the mount counter is decremented. The image's root filesystem is physically unmounted only when the mount counter reaches zero indicating no other processes are using the mount.\n\n  An unmount can be forced with the --force flag.\n",
  operands: any(imageNames),
  flags: {
    all: toggle({ short: "a", help: "Unmount all of the currently mounted images" }),
    force: toggle({ short: "f", help: "Force the complete unmount of the specified mounted images" }),
  },
  examples: ["podman unmount imgID", "podman unmount imgID1 imgID2 imgID3", "podman unmount --all"],
  async run({ context, flags, operands }) {
    if (operands.length === 0 && !flags.all) throw refuse("image name or ID must be specified");
    if (operands.length > 0 && flags.all) throw refuse("when using the --all switch, you may not pass any image names or IDs");
    report(context, unmountImages(context.host, operands, { all: flags.all, force: flags.force }));
  },
});
