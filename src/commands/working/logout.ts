// buildah logout: forgets the credentials for a registry.
// Source: buildah-logout(1).

import { any } from "../../cli/operands.ts";
import { logoutFlags, logOut } from "../registry-login.ts";
import { verb } from "../verb.ts";

const { tlsVerify, ...rest } = logoutFlags;

export default verb({
  usage: "[flags] REGISTRY",
  about: "Remove the cached username and password for the registry.",
  operands: any(),
  flags: { ...rest, tlsVerify: { ...tlsVerify, hidden: true } },
  examples: ["buildah logout quay.io"],
  async run({ context, flags, operands }) {
    await logOut(operands, { flags, system: context.host.imageSystem, out: (line) => context.out(line) });
  },
});
