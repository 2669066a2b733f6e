// podman system check: looks for damage in the store, and mends or removes it.
// Source: podman-system-check(1).

import { Fault } from "../../base/fault.ts";
import { duration, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { check, repair, type Damage } from "../../engine/check.ts";
import { verb } from "../verb.ts";

const titles: Readonly<Record<Damage["kind"], string>> = {
  artifact: "Artifact", container: "Container", database: "database", image: "Image", layer: "Layer", row: "row of the database", leaving: "store: unreferenced file",
};

export default verb({
  usage: "[options]",
  about: "podman system check\n\n        Check storage for consistency and remove anything that looks damaged",
  frees: true,
  operands: none(),
  flags: {
    force: toggle({ short: "f", help: "Remove inconsistent images and containers" }),
    max: duration({ short: "m", help: "Maximum allowed age of unreferenced layers", shown: "24h0m0s" }),
    quick: toggle({ short: "q", help: "Skip time-consuming checks. The default is to include time-consuming checks" }),
    repair: toggle({ short: "r", help: "Remove inconsistent images" }),
  },
  examples: ["podman system check", "podman system check --quick", "podman system check --repair --force"],
  async run({ context, flags }) {
    const { host } = context;
    const damages = await check(host, { quick: flags.quick });
    if (flags.max !== undefined) host.store.collect({ partialAgeMaxMs: flags.max });
    for (const damage of damages) context.out(describe(damage));
    if (damages.length === 0) return 0;
    if (!flags.repair && !flags.force) throw new Fault("store.damaged", "damage detected in local storage", { hint: "mend or remove what is damaged with: podman system check --repair" });
    const { mended, removed } = await repair(host, damages, { force: flags.force });
    for (const { kind, id } of mended) context.out(`Repaired damaged ${kind}: ${id}`);
    for (const { kind, id } of removed) context.out(`Deleted damaged ${kind}: ${id}`);
    if ((await check(host, { quick: flags.quick })).length > 0) {
      throw new Fault("store.damaged", "damage in local storage still present after repair attempt", { hint: "add --force to remove containers too, or pull the images again" });
    }
    return 0;
  },
});

const describe = ({ kind, id, reasons }: Damage): string => [`Damaged ${titles[kind]} ${id}:`, ...reasons.map((reason) => `\t* ${reason}`)].join("\n");
