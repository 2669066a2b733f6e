// buildah source push: a source image to a registry.
// Source: buildah-source-push(1).

import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { pushSourceImage } from "../../image/source-image.ts";
import { progressOf } from "../pulling.ts";
import { verb } from "../verb.ts";
import { systemOf } from "../working/registry-flags.ts";

export default verb({
  usage: "[flags] PATH IMAGE",
  about: "  Push a source image from a specified path to a registry.\n\n  Note that the buildah-source command and all its subcommands are experimental and may be subject to future changes.\n",
  operands: exactly(2),
  flags: {
    creds: text({ secret: "whole", value: "[username[:password]]", help: "use [username[:password]] for accessing the registry" }),
    digestfile: text({ help: "after copying the artifact, write the digest of the resulting image to the file" }),    quiet: toggle({ short: "q", help: "don't output push progress information" }),
    tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
  },
  examples: ["buildah source push /tmp/sourceimage:latest quay.io/sourceimage/example:latest"],
  async run({ context, flags, given, operands }) {
    const trip = { system: systemOf(context, flags, given), onProgress: progressOf(context, flags.quiet) };
    const digest = await pushSourceImage(operands[0]!, operands[1]!, trip);
    if (flags.digestfile) (await import("node:fs")).writeFileSync(flags.digestfile, digest, { mode: 0o644 });
  },
});
