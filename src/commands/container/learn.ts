// podman container learn: the process that watches a container with label=learn:NAME; started by us, not by people.

import { exactly } from "../../cli/operands.ts";
import { runLearner } from "../../engine/containers/learner.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "CONTAINER",
  about: "Watches one run of a container, and writes the least rights that its program needs. It is started with such a container.",
  operands: exactly(1),
  flags: {},
  async run({ operands, context }) {
    await runLearner(context.host, operands[0]!);
    return 0;
  },
});
