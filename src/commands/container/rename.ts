// podman rename: another name for a container.
// Source: podman-rename(1).

import { exactly } from "../../cli/operands.ts";
import { rename } from "../../engine/containers/rename.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "CONTAINER NAME",
  about: "The podman rename command allows you to rename an existing container",
  operands: exactly(2, allContainers),
  flags: {},
  examples: ["podman rename containerA newName"],
  async run({ context, operands }) {
    await rename(context.host, operands[0]!, operands[1]!);
  },
});
