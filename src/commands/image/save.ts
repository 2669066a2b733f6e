// podman save: images as an archive or a directory.

import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { reasonOf } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { imageEvent } from "../../engine/images.ts";
import { findImage } from "../../image/resolve.ts";
import { saveFormats, saveImages, type SaveFormat } from "../../image/save.ts";
import { refuse } from "../container/written/refuse.ts";
import { progressOf } from "../pulling.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [IMAGE...]",
  about: "Save an image to docker-archive or oci-archive on the local machine. Default is docker-archive.",
  operands: any(imageNames),
  flags: {
    compress: toggle({ help: "Compress tarball image layers when saving to a directory using the 'dir' transport. (default is same compression type as source)" }),
    format: text({
      help: "Save image to oci-archive, oci-dir (directory with oci manifest type), docker-archive, docker-dir (directory with v2s2 manifest type)",
      fallback: "docker-archive",
      complete: () => [...saveFormats],
    }),
    multiImageArchive: toggle({ short: "m", help: "Interpret additional arguments as images not tags and create a multi-image-archive (only for docker-archive)" }),
    output: text({ short: "o", help: "Write to a specified file (default: stdout, which must be redirected)", complete: files }),
    quiet: toggle({ short: "q", help: "Suppress the output" }),
    uncompressed: toggle({ help: "Accept uncompressed layers when copying OCI images" }),
    signaturePolicy: text({ help: "Path to a signature-policy file", hidden: true }),
  },
  examples: [
    "podman save --quiet -o myimage.tar imageID",
    "podman save --format docker-dir -o ubuntu-dir ubuntu",
    "podman save > alpine-all.tar alpine:latest",
  ],
  async run({ context, flags: asked, operands, given }) {
    const isMulti = given.has("multiImageArchive") ? asked.multiImageArchive : context.host.conf.engine.multi_image_archive ?? false;
    const flags = { ...asked, multiImageArchive: isMulti };
    const format = saveFormats.find((known) => known === flags.format);
    if (operands.length === 0) throw refuse("need at least 1 argument");
    if (!format) throw refuse(`format value must be one of ${saveFormats.join(" ")}`);
    if (flags.compress && format !== "docker-dir") throw refuse("--compress can only be set when --format is 'docker-dir'");
    if (flags.output?.includes(":")) throw refuse(`invalid filename (should not contain ':') ${JSON.stringify(flags.output)}`);
    const [first, ...rest] = operands;
    await saveImages(flags.multiImageArchive ? operands : [first!], {
      store: context.host.store,
      system: context.host.imageSystem,
      format,
      ...targetOf(format, flags.output),
      additionalNames: flags.multiImageArchive ? [] : rest,
      uncompressed: flags.uncompressed,
      compress: flags.compress,
      onProgress: progressOf(context, flags.quiet || flags.output === undefined),
    });
    for (const name of flags.multiImageArchive ? operands : [first!]) {
      imageEvent(context.host, "save", { id: findImage(context.host.store, name, context.host.imageSystem)?.id, name: flags.output ?? "/dev/stdout" });
    }
  },
});

function targetOf(format: SaveFormat, output: string | undefined): { path: string; fd?: number } {
  if (output !== undefined) return { path: writable(output) };
  if (!format.endsWith("archive")) throw refuse(`cannot save as ${format} to standard output`, "name a directory with --output");
  if (isTerminal(1)) throw refuse("refusing to save to terminal. Use -o flag or redirect");
  return { path: "/dev/stdout", fd: 1 };
}

/** Before anything is copied. */
function writable(output: string): string {
  try {
    accessSync(dirname(output), constants.W_OK);
    return output;
  } catch (thrown) {
    throw refuse(`opening file ${JSON.stringify(output)}: open ${output}: ${reasonOf(thrown)}`);
  }
}
