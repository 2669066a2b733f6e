// podman container diff: what a container changed in its image.
// Source: podman-container-diff(1).

import { diffFormat, oneOrTwoOrLatest, showDiff } from "../diffing.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER [CONTAINER]",
  about: "Displays changes to the container filesystem's'.  The container will be compared to its parent layer or the second argument when given.",
  operands: oneOrTwoOrLatest(allContainers),
  flags: { format: diffFormat, latest },
  examples: ["podman container diff myCtr", "podman container diff -l --format json myCtr"],
  run: ({ context, flags, operands }) => showDiff(context, { kind: "container", names: operands, latest: flags.latest, format: flags.format }),
});
