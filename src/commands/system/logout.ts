// podman logout: forgets the credentials for a registry.
// Source: podman-logout(1).

import { atMost } from "../../cli/operands.ts";
import { logoutFlags, logOut } from "../registry-login.ts";
import { verb } from "../verb.ts";

const { tlsVerify, ...shown } = logoutFlags;

export default verb({
  usage: "[options] [REGISTRY]",
  about: "Remove the cached username and password for the registry.",
  operands: atMost(1),
  flags: { ...shown, tlsVerify: { ...tlsVerify, hidden: true } },
  examples: ["podman logout quay.io", "podman logout --authfile dir/auth.json quay.io", "podman logout --all"],
  async run({ context, flags, operands }) {
    await logOut(operands, { flags, system: context.host.imageSystem, out: (line) => context.out(line), hasDefaultRegistry: true });
  },
});
