// podman healthcheck run: a container's health check, now.
// Source: podman-healthcheck-run(1).

import { exactly } from "../../cli/operands.ts";
import { runCheck } from "../../engine/health/check.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "CONTAINER",
  about: "Run the health check of a container",
  operands: exactly(1, runningContainers),
  flags: {},
  examples: ["podman healthcheck run mywebapp"],
  async run({ context, operands }) {
    const answer = await runCheck(context.host, operands[0]!);
    if (answer === "healthy") return 0;
    context.out(answer);
    return 1;
  },
});
