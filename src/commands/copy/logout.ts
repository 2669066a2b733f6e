// skopeo logout: forgets the credentials for a registry, or all.

import { logoutFlags, logOut } from "../registry-login.ts";
import { any } from "../../cli/operands.ts";
import { sideSystem } from "./sides.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "[command options] REGISTRY",
  about: "Logout of a container registry on a specified server.",
  operands: any(),
  flags: logoutFlags,
  needs: "nothing",
  examples: ["skopeo logout quay.io"],
  async run({ context, flags, operands }) {
    const system = sideSystem({ context, flags: {}, given: new Set() }, "");
    await logOut(operands, { flags, system, out: context.out });
  },
});
