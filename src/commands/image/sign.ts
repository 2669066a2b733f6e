// podman image sign: makes signature files by which images can be checked later.
// Source: podman-image-sign(1).

import { Fault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { noPolicy } from "../../image/no-policy.ts";
import { openSource, parseImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem } from "../pulling.ts";
import { authfile, certDir } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [IMAGE...]",
  about: "Create a signature file that can be used later to verify the image.",
  operands: atLeast(1, imageNames),
  flags: {
    all: toggle({ short: "a", help: "Sign all the manifests of the multi-architecture image" }),
    authfile,
    certDir,
    directory: text({ short: "d", help: "Define an alternate directory to store signatures", complete: files }),
    signBy: text({ help: "Name of the signing key" }),
  },
  examples: ["podman image sign --sign-by mykey imageID", "podman image sign --sign-by mykey --directory ./mykeydir imageID"],
  async run({ context, flags, given, operands }) {
    const system = { ...imageSystem(context, flags, given), policy: noPolicy() };
    if (!flags.signBy) throw refuse("no identity provided");
    const { needDirectory, signImage } = await import("../../image/signature/sign-image.ts");
    if (flags.directory) needDirectory(flags.directory);
    for (const name of operands) {
      const source = await openSource(parsed(name), { store: context.host.store, system });
      try {
        await signImage(source, { key: flags.signBy, all: flags.all, ...(flags.directory ? { directory: flags.directory } : {}) });
      } finally {
        await source.close();
      }
    }
  },
});

function parsed(name: string): ReturnType<typeof parseImageName> {
  try {
    return parseImageName(name);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(cause.code, `parsing image name: ${cause.message}`, { cause });
  }
}
