// podman artifact inspect.
// Source: podman-artifact-inspect(1).

import { goJson } from "../../base/go-json.ts";
import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { completesFormat, showOne } from "../../cli/view.ts";
import { getArtifact } from "../../image/artifact/artifacts.ts";
import { artifactForTemplates, inspectArtifact } from "../../image/artifact/inspect.ts";
import { artifactNames } from "../suggest.ts";
import { verb } from "../verb.ts";

const names = ["TotalSizeBytes", "Artifact.", "Digest", "Manifest.", "Name"];

/** How the manifest's fields, called as the specification has them, are called in templates. */
const aliases = {
  SchemaVersion: "schemaVersion", MediaType: "mediaType", ArtifactType: "artifactType", Config: "config", Layers: "layers",
  Subject: "subject", Annotations: "annotations", Digest: "digest", Size: "size", URLs: "urls", Data: "data", Platform: "platform",
};

export default verb({
  usage: "[options] ARTIFACT",
  about: "Provide details on an OCI artifact",
  operands: exactly(1, artifactNames),
  flags: { format: text({ short: "f", help: "Format volume output using JSON or a Go template", fallback: "json", complete: completesFormat(names) }) },
  examples: ["podman artifact inspect quay.io/myimage/myartifact:latest"],
  async run({ context, flags, operands }) {
    const artifact = getArtifact(context.host.store, operands[0]!);
    if (flags.format === "json" || flags.format === "") return context.out(goJson(inspectArtifact(artifact), { indent: "     " }));
    context.write(await showOne(artifactForTemplates(artifact), flags.format, { name: "inspect", type: "entities.ArtifactInspectReport", aliases, maps: ["Annotations"] }));
  },
});
