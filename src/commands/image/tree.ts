// podman image tree: the layers of an image and who ends where.
// Source: podman-image-tree(1).

import { toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { layerTree } from "../../image/layer-tree.ts";
import { getImage } from "../../image/resolve.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE",
  about: "Print layer hierarchy of an image in a tree format",
  operands: exactly(1, imageNames),
  flags: { whatrequires: toggle({ help: "Show all child images and layers of the specified image" }) },
  examples: ["podman image tree alpine:latest"],
  run({ context, flags, operands }) {
    const { store, imageSystem } = context.host;
    context.out(layerTree(store, getImage(store, operands[0]!, imageSystem), { whatRequires: flags.whatrequires }));
  },
});
