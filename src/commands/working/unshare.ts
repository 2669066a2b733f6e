// buildah unshare: a command where working containers may be mounted; as root that is right here.
// Source: buildah-unshare(1).

import { spawn } from "../../base/spawn.ts";
import { list } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { getWorking, type WorkingContainer } from "../../engine/working/records.ts";
import { mountWorking, unmountWorking } from "../../engine/working/mount.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb, type Invocation } from "../verb.ts";
import { inFront } from "./operands.ts";

export default verb({
  usage: "[flags] [COMMAND [ARG...]]",
  about: "\n  Runs a command in a modified user namespace.",
  operands: any(),
  interspersed: false,
  flags: { mount: list({ short: "m", help: "mount the specified containers (default [])" }) },
  examples: ["buildah unshare id", "buildah unshare cat /proc/self/uid_map", "buildah unshare buildah-script.sh"],
  async run({ context, flags, operands }) {
    const shell = process.env["SHELL"];
    const argv = operands[0] === "--" ? operands.slice(1) : operands;
    if (argv.length === 0 && !shell) throw refuse("no command specified");
    const env: Record<string, string | undefined> = {
      BUILDAH_ISOLATION: "rootless", ...process.env,
      _CONTAINERS_USERNS_CONFIGURED: "done",
      _CONTAINERS_ROOTLESS_UID: String(context.host.user?.uid ?? 0), _CONTAINERS_ROOTLESS_GID: String(context.host.user?.gid ?? 0),
    };
    const mounted: WorkingContainer[] = [];
    try {
      for (const wanted of flags.mount) await mountOne(context, wanted, { env, mounted });
      const child = spawn(argv.length > 0 ? argv : [shell!], { stdio: ["inherit", "inherit", "inherit"], env });
      return await child.exited;
    } finally {
      for (const record of mounted) await unmountWorking(context.host, record);
    }
  },
});

/** "NAME" or "VARIABLE=NAME"; the variable says where it is mounted. */
async function mountOne({ host }: Invocation, wanted: string, to: { env: Record<string, string | undefined>; mounted: WorkingContainer[] }): Promise<void> {
  const equals = wanted.indexOf("=");
  const name = wanted.slice(equals + 1);
  try {
    const record = getWorking(host, name);
    to.env[equals < 0 ? name : wanted.slice(0, equals)] = await mountWorking(host, record);
    to.mounted.push(record);
  } catch (thrown) {
    throw inFront(`loading information about build container ${JSON.stringify(name)}`, thrown);
  }
}
