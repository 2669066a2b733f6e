// podman network inspect.

import { atLeast } from "../../cli/operands.ts";
import { formatFlag, inspectEach } from "../inspect.ts";
import { networkNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "[options] NETWORK [NETWORK...]",
  about: "Displays the network configuration for one or more networks.",
  operands: atLeast(1, networkNames),
  flags: { format: formatFlag },
  examples: ["podman network inspect podman"],
  async run({ context, flags, operands }) {
    await inspectEach(context, operands, { kinds: ["network"], format: flags.format });
    return context.exitStatus;
  },
});
