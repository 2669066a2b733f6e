// podman import: an image from a tar archive of a root file system.
// Source: podman-import(1).

import { withoutUserinfo } from "../../base/address.ts";
import { files } from "../../cli/complete.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { writeEvent } from "../../engine/events.ts";
import { importImage } from "../../image/import.ts";
import { refuse } from "../container/written/refuse.ts";
import { piecesOf, piecesOfFile } from "../input.ts";
import { progressOf } from "../pulling.ts";
import { verb, type Invocation } from "../verb.ts";

const instructions = "CMD | ENTRYPOINT | ENV | EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR";

export default verb({
  usage: "[options] PATH [REFERENCE]",
  about: "Create a container image from the contents of the specified tarball (.tar, .tar.gz, .tgz, .bzip, .tar.xz, .txz, .tar.zst).\n\n  Note remote tar balls can be specified, via web address.\n  Optionally tag the image. You can specify the instructions using the --change option.",
  operands: any(files),
  flags: {
    arch: text({ help: "Set the architecture of the imported image" }),
    change: texts({ short: "c", help: `Apply the following possible instructions to the created image (default []): ${instructions}` }),
    message: text({ short: "m", help: "Set commit message for imported image" }),
    os: text({ help: "Set the OS of the imported image" }),
    quiet: toggle({ short: "q", help: "Suppress output" }),
    signaturePolicy: text({ help: "Path to a signature-policy file", hidden: true }),
    variant: text({ help: "Set the variant of the imported image" }),
  },
  examples: [
    "podman import https://example.com/ctr.tar url-image",
    'cat ctr.tar | podman -q import --message "importing the ctr.tar tarball" - image-imported',
    "cat ctr.tar | podman import -",
  ],
  async run({ context, flags, operands }) {
    const [source, name, ...more] = operands;
    if (source === undefined) throw refuse("need to give the path to the tarball, or must specify a tarball of '-' for stdin");
    if (more.length > 0) throw refuse("too many arguments. Usage TARBALL [REFERENCE]");
    const image = await importImage(await openSource(context, source), {
      store: context.host.store,
      ...(name === undefined ? {} : { name }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.os === undefined ? {} : { os: flags.os }),
      ...(flags.arch === undefined ? {} : { architecture: flags.arch }),
      ...(flags.variant === undefined ? {} : { variant: flags.variant }),
      changes: flags.change,
      onProgress: progressOf(context, flags.quiet),
    });
    writeEvent(context.host, { Type: "image", Status: "import", Name: name ?? image.id, ID: image.id });
    context.out(`sha256:${image.id}`);
  },
});

async function openSource(context: Invocation, source: string): Promise<AsyncIterable<Uint8Array>> {
  if (source === "-") return piecesOf(0);
  const { download, isWebAddress } = await import("../../registry/download.ts");
  if (isWebAddress(source)) {
    context.out(`Downloading from ${JSON.stringify(withoutUserinfo(source))}`);
    return download(source);
  }
  if (source.includes(":")) throw refuse(`invalid filename (should not contain ':') ${JSON.stringify(source)}`);
  return piecesOfFile(source);
}
