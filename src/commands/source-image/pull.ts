// buildah source pull: a source image from a registry.
// Source: buildah-source-pull(1).

import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { pullSourceImage } from "../../image/source-image.ts";
import { progressOf } from "../pulling.ts";
import { verb } from "../verb.ts";
import { systemOf } from "../working/registry-flags.ts";

export default verb({
  usage: "[flags] IMAGE PATH",
  about: "  Pull a source image from a registry to a specified path.  The pull operation will fail if the image does not comply with a source-image OCI artifact.\n\n  Note that the buildah-source command and all its subcommands are experimental and may be subject to future changes.\n",
  operands: exactly(2),
  flags: {
    creds: text({ secret: "whole", value: "[username[:password]]", help: "use [username[:password]] for accessing the registry" }),
    quiet: toggle({ short: "q", help: "don't output pull progress information" }),
    tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
  },
  examples: ["buildah source pull quay.io/sourceimage/example:latest /tmp/sourceimage:latest"],
  async run({ context, flags, given, operands }) {
    const trip = { system: systemOf(context, flags, given), onProgress: progressOf(context, flags.quiet) };
    await pullSourceImage(operands[0]!, operands[1]!, trip);
  },
});
