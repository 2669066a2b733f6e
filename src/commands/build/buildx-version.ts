// podman buildx version: which builder we stand for.

import { none } from "../../cli/operands.ts";
import { verb } from "../verb.ts";
import { compatibleBuildah } from "../version.ts";

export default verb({
  usage: "",
  about: "Displays the version of the builder",
  operands: none(),
  needs: "nothing",
  flags: {},
  run({ context }) {
    context.out(`buildah ${compatibleBuildah}`);
  },
});
