// podman artifact rm.
// Source: podman-artifact-rm(1).

import { Fault } from "../../base/fault.ts";
import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { removeArtifact } from "../../image/artifact/artifacts.ts";
import { refuse } from "../container/written/refuse.ts";
import { artifactNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] ARTIFACT [ARTIFACT...]",
  about: "Remove one or more OCI artifacts from local storage",
  frees: true,
  operands: any(artifactNames),
  flags: {
    all: toggle({ short: "a", help: "Remove all artifacts" }),
    ignore: toggle({ short: "i", help: "Ignore error if artifact does not exist" }),
  },
  examples: ["podman artifact rm quay.io/myimage/myartifact:latest", "podman artifact rm -a", "podman artifact rm c4dfb1609ee2 93fd78260bd1 c0ed59d05ff7", "podman artifact rm -i c4dfb1609ee2"],
  run({ context, flags, operands }) {
    if (flags.all && operands.length > 0) throw refuse("when using the --all switch, you may not pass any artifact names or digests");
    if (!flags.all && operands.length === 0) throw refuse("at least one artifact name or digest must be specified");
    const { store } = context.host;
    for (const written of flags.all ? store.artifacts.list().map(({ name }) => name) : operands) {
      try {
        const digest = removeArtifact(store, written);
        context.out(digest.slice(digest.indexOf(":") + 1));
      } catch (thrown) {
        if (!flags.ignore || !(thrown instanceof Fault) || thrown.code !== "artifact.not-found") context.failed(thrown);
      }
    }
    return context.exitStatus;
  },
});
