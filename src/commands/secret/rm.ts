// podman secret rm.
// Source: podman-secret-rm(1).

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { removeSecrets } from "../../engine/secrets/secrets.ts";
import { refuse } from "../container/written/refuse.ts";
import { report } from "../outcomes.ts";
import { secretNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] SECRET [SECRET...]",
  about: "Remove one or more secrets",
  frees: true,
  operands: any(secretNames),
  flags: {
    all: toggle({ short: "a", help: "Remove all secrets" }),
    ignore: toggle({ short: "i", help: "Ignore errors when a specified secret is missing" }),
  },
  examples: ["podman secret rm mysecret1 mysecret2"],
  run({ context, flags, operands }) {
    if (operands.length > 0 === flags.all) throw refuse("`podman secret rm` requires one argument, or the --all flag");
    report(context, removeSecrets(context.host, { names: operands, all: flags.all, ignore: flags.ignore }), ({ id }) => id);
  },
});
