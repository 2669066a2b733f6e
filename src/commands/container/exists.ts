// podman container exists: status 0 when there is one of that name or ID, 1 when not.

import { toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { find } from "../../engine/containers/lookup.ts";
import { findWorking } from "../../engine/working/records.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "[options] CONTAINER",
  about: "If the named container exists in local storage, podman container exists exits with 0, otherwise the exit code will be 1.",
  operands: exactly(1, allContainers),
  flags: { external: toggle({ help: "Check external storage containers as well as Podman containers" }) },
  examples: ["podman container exists --external containerID", "podman container exists myctr || podman run --name myctr [etc...]"],
  run({ context, flags, operands }) {
    const [name] = operands as [string];
    return find(context.host, name) || (flags.external && findWorking(context.host, name)) ? 0 : 1;
  },
});
