// podman commit: an image from a container's changes.
// Source: podman-commit(1).

import { readFileSync, writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";
import type { ImageDefaults } from "../../base/oci-image.ts";
import { files } from "../../cli/complete.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { between } from "../../cli/operands.ts";
import { commit } from "../../engine/containers/commit.ts";
import { readDefaults } from "../../image/config.ts";
import { progressOf } from "../pulling.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

const instructions = "CMD | ENTRYPOINT | ENV | EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR";

export default verb({
  usage: "[options] CONTAINER [IMAGE]",
  about: "Create an image from a container's changes. Optionally tag the image created, set the author with the --author flag, set the commit message with the --message flag, and make changes to the instructions with the --change flag.",
  operands: between(1, 2, allContainers),
  flags: {
    author: text({ short: "a", help: "Set the author for the image committed" }),
    change: texts({ short: "c", help: `Apply the following possible instructions to the created image (default []): ${instructions}` }),
    config: text({ value: "file", help: "file containing a container configuration to merge into the image", complete: files }),
    format: text({ short: "f", value: "Format", help: "Format of the image manifest and metadata", fallback: "oci", complete: () => ["oci", "docker"] }),
    iidfile: text({ value: "file", help: "file to write the image ID to", complete: files }),
    includeVolumes: toggle({ help: "Include container volumes as image volumes" }),
    message: text({ short: "m", help: "Set commit message for imported image" }),
    pause: toggle({ short: "p", help: "Pause container during commit" }),
    quiet: toggle({ short: "q", help: "Suppress output" }),
    squash: toggle({ short: "s", help: "squash newly built layers into a single new layer" }),
  },
  examples: [
    'podman commit -q --message "committing container to image" reverent_golick image-committed',
    'podman commit -q --author "firstName lastName" reverent_golick image-committed',
    "podman commit -q --pause=false containerID image-committed",
    "podman commit containerID",
  ],
  async run({ context, flags, operands }) {
    const [container, name] = operands;
    if (flags.format !== "oci" && flags.format !== "docker") throw refuse(`unrecognized image format "${flags.format}"`, "use oci or docker");
    const { id } = await commit(context.host, container!, {
      ...(name === undefined ? {} : { name }),
      ...(flags.author === undefined ? {} : { author: flags.author }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.config === undefined ? {} : { config: readOverride(flags.config) }),
      changes: flags.change,
      format: flags.format,
      includeVolumes: flags.includeVolumes,
      pause: flags.pause,
      squash: flags.squash,
      onProgress: progressOf(context, flags.quiet),
    });
    if (flags.iidfile !== undefined) writeFileSync(flags.iidfile, id);
    context.out(id);
  },
});

/** The "config" object of an image's config. @throws Fault "input.malformed" */
function readOverride(file: string): ImageDefaults {
  try {
    return readDefaults(JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>);
  } catch (cause) {
    throw new Fault("input.malformed", `--config: cannot read "${file}": ${reasonOf(cause)}`, { cause });
  }
}
