// podman buildx inspect: what builds here, in the words of Docker's buildx.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { hostPlatform } from "../../image/platform.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Displays information about the current builder instance (compatibility with Docker buildx inspect)",
  operands: any(),
  needs: "nothing",
  flags: { bootstrap: toggle({ help: "Currently a No Op for podman" }) },
  examples: ["podman buildx inspect", "podman buildx inspect --bootstrap"],
  run({ context }) {
    const { os, architecture } = hostPlatform();
    context.write(`Name:   default
Driver: podman

Nodes:
Name:             default
Endpoint:         default
Status:           running
Buildkit version: N/A
Platforms:        ${os}/${architecture}
Labels: \n`);
  },
});
