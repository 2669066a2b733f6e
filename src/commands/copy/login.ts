// skopeo login: checks and keeps the credentials for a registry.

import { loginFlags, logIn } from "../registry-login.ts";
import { any } from "../../cli/operands.ts";
import { sideSystem } from "./sides.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "[command options] REGISTRY",
  about: "Login to a container registry on a specified server.",
  operands: any(),
  flags: loginFlags,
  needs: "nothing",
  examples: ["skopeo login quay.io"],
  async run({ context, flags, given, operands }) {
    const { authFile: _, ...system } = sideSystem({ context, flags: {}, given: new Set() }, "");
    await logIn(operands, { flags, given, system, out: context.out });
  },
});
