// podman artifact add.
// Source: podman-artifact-add(1).

import { text, texts, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { addArtifact } from "../../image/artifact/add.ts";
import { cut, refuse } from "../container/written/refuse.ts";
import { artifactThenFiles } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] ARTIFACT PATH [...PATH]",
  about: "Add an OCI artifact to the local store from the local filesystem",
  operands: atLeast(2, artifactThenFiles),
  flags: {
    annotation: texts({ value: "annotation", help: "set an annotation for the specified files of artifact" }),
    append: toggle({ short: "a", help: "Append files to an existing artifact" }),
    fileType: text({ help: "Set file type to use for the artifact (layer)" }),
    replace: toggle({ help: "Replace an existing artifact" }),
    type: text({ help: "Use type to describe an artifact" }),
  },
  examples: [
    "podman artifact add quay.io/myimage/myartifact:latest /tmp/foobar.txt",
    "podman artifact add --file-type text/yaml quay.io/myimage/myartifact:latest /tmp/foobar.yaml",
    "podman artifact add --append quay.io/myimage/myartifact:latest /tmp/foobar.tar.gz",
  ],
  run({ context, flags, operands }) {
    const [written, ...files] = operands as [string, ...string[]];
    const digest = addArtifact(context.host.store, {
      written,
      files,
      options: {
        annotations: readAnnotations(flags.annotation),
        artifactType: flags.type,
        fileType: flags.fileType,
        append: flags.append,
        replace: flags.replace,
      },
    });
    context.out(digest.slice(digest.indexOf(":") + 1));
  },
});

function readAnnotations(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => {
    const [key, value] = cut(line);
    if (value === undefined) throw refuse(`no value given for annotation ${JSON.stringify(key)}`, "write it as KEY=VALUE");
    return [key, value];
  }));
}
