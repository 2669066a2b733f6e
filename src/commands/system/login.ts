// podman login: checks and keeps the credentials for a registry.
// Source: podman-login(1).

import { Fault } from "../../base/fault.ts";
import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { loginFlags, logIn } from "../registry-login.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] [REGISTRY]",
  about: "Log in to a container registry on a specified server.",
  operands: any(),
  flags: {
    ...loginFlags,
    secret: text({ help: "Retrieve password from a podman secret" }),
    tlsVerify: toggle({ help: "Require HTTPS and verify certificates when contacting registries" }),
  },
  examples: ["podman login quay.io", "podman login --username ... --password ... quay.io", "podman login --authfile dir/auth.json quay.io"],
  async run({ context, flags, given, operands }) {
    if (flags.secret !== undefined) throw new Fault("usage.unsupported", "cannot take the password from a secret: there are no secrets yet", { hint: "use --password-stdin" });
    await logIn(operands, { flags, given, system: context.host.imageSystem, out: (line) => context.out(line), hasDefaultRegistry: true });
  },
});
