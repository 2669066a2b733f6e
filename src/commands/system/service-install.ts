// podman system service-install: containers that want it start at boot, by a systemd unit or a line of cron.

import { choice, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { installService, planService, removeService } from "../../engine/boot-service.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Has containers with --restart always or unless-stopped started at boot: by a systemd unit, or by a line of cron where there is no systemd.",
  operands: none(),
  flags: {
    by: choice(["systemd", "cron"], { help: "Which of the two; default systemd where it is installed" }),
    dryRun: toggle({ help: "Print what would be written, and where, and write nothing" }),
    remove: toggle({ help: "Take it away again" }),
  },
  examples: ["podman system service-install", "podman system service-install --dry-run", "podman system service-install --remove"],
  run({ context, flags }) {
    const plan = planService(context.host, flags.by);
    if (flags.dryRun) return context.write(`# ${plan.path || "crontab"}\n${plan.text}`);
    if (flags.remove) return void context.out(removeService(plan) ? `removed ${plan.path || "the line of cron"}` : "there is none");
    installService(plan);
    context.out(plan.path || "crontab");
  },
});
