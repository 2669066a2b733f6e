// buildah login: checks and keeps the credentials for a registry.
// Source: buildah-login(1).

import { any } from "../../cli/operands.ts";
import { loginFlags, logIn } from "../registry-login.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[flags] REGISTRY",
  about: "Login to a container registry on a specified server.",
  operands: any(),
  flags: loginFlags,
  examples: ["buildah login quay.io"],
  async run({ context, flags, given, operands }) {
    await logIn(operands, { flags, given, system: context.host.imageSystem, out: (line) => context.out(line) });
  },
});
