// podman volume mount: puts a volume's files at a path of the host, and says where.
// Source: podman-volume-mount(1).

import { exactly } from "../../cli/operands.ts";
import { mountVolumeOf } from "../../engine/volumes/archive.ts";
import { volumeNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "NAME",
  about: "Mount a volume and return the mountpoint",
  needs: "unshared",
  operands: exactly(1, volumeNames),
  flags: {},
  examples: ["podman volume mount myvol"],
  async run({ context, operands }) {
    context.out(mountVolumeOf(context.host, operands[0]!));
  },
});
