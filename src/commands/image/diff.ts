// podman image diff: what an image's last layer changed in those below.
// Source: podman-image-diff(1).

import { between } from "../../cli/operands.ts";
import { diffFormat, showDiff } from "../diffing.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [IMAGE]",
  about: "Displays changes to the image's filesystem.  The image will be compared to its parent layer or the second argument when given.",
  operands: between(1, 2, imageNames),
  flags: { format: diffFormat },
  examples: ["podman image diff myImage", "podman image diff --format json redis:alpine"],
  run: ({ context, flags, operands }) => showDiff(context, { kind: "image", names: operands, format: flags.format }),
});
