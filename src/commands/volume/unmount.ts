// podman volume unmount: undoes podman volume mount.
// Source: podman-volume-unmount(1).

import { exactly } from "../../cli/operands.ts";
import { unmountVolumeOf } from "../../engine/volumes/archive.ts";
import { volumeNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "NAME",
  about: "Unmount a volume",
  operands: exactly(1, volumeNames),
  flags: {},
  examples: ["podman volume unmount myvol"],
  async run({ context, operands }) {
    context.out(unmountVolumeOf(context.host, operands[0]!));
  },
});
