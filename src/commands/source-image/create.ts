// buildah source create: an empty source image.
// Source: buildah-source-create(1).

import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { createSourceImage } from "../../image/source-image.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[flags] PATH",
  about: "  Create and initialize a source image.  A source image is an OCI artifact; an OCI image with a custom config media type.\n\n  Note that the buildah-source command and all its subcommands are experimental and may be subject to future changes.\n",
  operands: exactly(1),
  flags: {
    author: text({ help: "set the author" }),
    timeStamp: toggle({ help: 'set the "created" time stamp', fallback: true }),
  },
  examples: ["buildah source create /tmp/fedora:latest-source"],
  needs: "nothing",
  run({ flags, operands }) {
    createSourceImage(operands[0]!, { hasTime: flags.timeStamp, ...(flags.author ? { author: flags.author } : {}) });
  },
});
