// podman login: checks and keeps the credentials for a registry.
// Source: podman-login(1).

import { text, toggle } from "../../cli/flag.ts";
import { atMost } from "../../cli/operands.ts";
import { loginFlags, logIn, type LoginCall } from "../registry-login.ts";
import { refuse } from "../container/written/refuse.ts";
import { secretNames } from "../suggest.ts";
import { verb, type Invocation } from "../verb.ts";

export default verb({
  usage: "[options] [REGISTRY]",
  about: "Log in to a container registry on a specified server.",
  operands: atMost(1),
  flags: {
    ...loginFlags,
    secret: text({ help: "Retrieve password from a podman secret", complete: secretNames }),
    tlsVerify: toggle({ help: "Require HTTPS and verify certificates when contacting registries" }),
  },
  examples: ["podman login quay.io", "podman login --username ... --password ... quay.io", "podman login --authfile dir/auth.json quay.io"],
  async run({ context, flags, given, operands }) {
    const asked = flags.secret ? await withSecret(context, flags, flags.secret) : flags;
    await logIn(operands, { flags: asked, given, system: context.host.imageSystem, out: (line) => context.out(line), hasDefaultRegistry: true });
  },
});

/** The secret is the password and, where no user is named, its name the user. */
async function withSecret(context: Invocation, flags: LoginCall["flags"], name: string): Promise<LoginCall["flags"]> {
  if (flags.password || flags.passwordStdin) throw refuse("--secret can not be used with --password options");
  const { readSecret } = await import("../../engine/secrets/secrets.ts");
  return { ...flags, username: flags.username ?? name, password: new TextDecoder().decode(readSecret(context.host, name)) };
}
