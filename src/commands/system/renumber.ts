// podman system renumber: has nothing to do here, since locks have names, not numbers.
// Source: podman-system-renumber(1).

import { none } from "../../cli/operands.ts";
import { writeEvent } from "../../engine/events.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "",
  about: "podman system renumber\n\n        Migrate lock numbers to handle a change in maximum number of locks.\n        Locks have no numbers in this build, so that nothing has to change.",
  operands: none(),
  flags: {},
  run({ context }) {
    writeEvent(context.host, { Type: "system", Status: "renumber" });
  },
});
