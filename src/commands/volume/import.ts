// podman volume import: the files of a tar archive into a volume.
// Source: podman-volume-import(1).

import { files } from "../../cli/complete.ts";
import { between } from "../../cli/operands.ts";
import { importVolume } from "../../engine/volumes/archive.ts";
import { piecesOf, piecesOfFile } from "../input.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "VOLUME [SOURCE]",
  about: "Imports contents into a podman volume from specified tarball (.tar, .tar.gz, .tgz, .bzip, .tar.xz, .txz, .tar.zst).",
  operands: between(1, 2, files),
  flags: {},
  examples: ["podman volume import my_vol /home/user/import.tar", "cat ctr.tar | podman volume import my_vol -"],
  async run({ context, operands }) {
    const [name, source = "-"] = operands;
    await importVolume(context.host, name!, source === "-" ? piecesOf(0) : piecesOfFile(source));
  },
});
