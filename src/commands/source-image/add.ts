// buildah source add: one more archive in a source image.
// Source: buildah-source-add(1).

import { texts } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { addToSourceImage } from "../../image/source-image.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[flags] PATH ARTIFACT",
  about: "  Add add a source artifact to a source image.  The artifact will be added as a gzip-compressed tar ball.  Add attempts to auto-tar and auto-compress only if necessary.\n\n  Note that the buildah-source command and all its subcommands are experimental and may be subject to future changes.\n",
  operands: exactly(2),
  flags: { annotation: texts({ help: "add an annotation (format: key=value)" }) },
  examples: ["buildah source add /tmp/fedora sources.tar.gz"],
  needs: "nothing",
  async run({ flags, operands }) {
    const [directory, artifact] = operands as [string, string];
    const annotations: Record<string, string> = {};
    for (const line of flags.annotation) {
      const equals = line.indexOf("=");
      if (equals < 0) throw refuse(`invalid annotation ${JSON.stringify(line)} (expected format is "key=value")`);
      const key = line.slice(0, equals);
      if (Object.hasOwn(annotations, key)) throw refuse(`annotation ${JSON.stringify(key)} specified more than once`);
      annotations[key] = line.slice(equals + 1);
    }
    await addToSourceImage(directory, artifact, annotations);
  },
});
