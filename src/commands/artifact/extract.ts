// podman artifact extract.
// Source: podman-artifact-extract(1).

import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { getArtifact } from "../../image/artifact/artifacts.ts";
import { extractArtifact } from "../../image/artifact/extract.ts";
import { artifactThenFiles } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] ARTIFACT PATH",
  about: "Extract the blobs of an OCI artifact to a local file or directory",
  operands: exactly(2, artifactThenFiles),
  flags: {
    digest: text({ help: "Only extract blob with the given digest" }),
    title: text({ help: "Only extract blob with the given title" }),
  },
  examples: ["podman artifact extract quay.io/myimage/myartifact:latest /tmp/foobar.txt", "podman artifact extract quay.io/myimage/myartifact:latest /home/paul/mydir"],
  async run({ context, flags, operands }) {
    const [written, target] = operands as [string, string];
    const { store } = context.host;
    await extractArtifact(store, getArtifact(store, written), { target, choice: { digest: flags.digest, title: flags.title } });
  },
});
