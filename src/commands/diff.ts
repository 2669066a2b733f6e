// podman diff: what a container or an image changed in what it was made from.
// Source: podman-diff(1).

import { diffFormat, oneOrTwoOrLatest, showDiff } from "./diffing.ts";
import { latest } from "./shared-flags.ts";
import { allContainers } from "./suggest.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "[options] {CONTAINER|IMAGE} [{CONTAINER|IMAGE}]",
  about: "Displays changes on a container or image's filesystem.  The container or image will be compared to its parent layer or the second argument when given.",
  operands: oneOrTwoOrLatest(allContainers),
  flags: { format: diffFormat, latest },
  examples: ["podman diff imageID", "podman diff ctrID", "podman diff --format json redis:alpine"],
  run: ({ context, flags, operands }) => showDiff(context, { kind: "any", names: operands, latest: flags.latest, format: flags.format }),
});
