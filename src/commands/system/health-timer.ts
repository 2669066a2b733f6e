// podman system health-timer: the process that runs health checks when they are due; started by us, not by people.

import { none } from "../../cli/operands.ts";
import { runTimer } from "../../engine/health/timer.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "",
  about: "Runs the health checks of all containers when they are due, and ends when none needs it. It is started with the first such container.",
  operands: none(),
  flags: {},
  async run({ context }) {
    await runTimer(context.host);
    return 0;
  },
});
