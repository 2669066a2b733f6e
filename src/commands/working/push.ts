// buildah push: sends an image or a manifest list away.
// Source: buildah-push(1).

import { writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { list, text, toggle, whole } from "../../cli/flag.ts";
import { packingFormat } from "../../image/pack.ts";
import { push } from "../../image/push.ts";
import { findImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { encryptionOf } from "../layer-encryption.ts";
import { progressOf } from "../pulling.ts";
import { signerOf } from "../signing.ts";
import { imageNames } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { blobCache } from "../shared-flags.ts";
import { inFront, refuseLateOptions } from "./operands.ts";
import { registryFlags, retryFlags, systemOf } from "./registry-flags.ts";

const encryptionFlags = {
  encryptLayer: list({ value: "ints", help: "layers to encrypt, 0-indexed layer indices with support for negative indexing (e.g. 0 is the first layer, -1 is the last layer). If not defined, will encrypt all layers if encryption-key flag is specified" }),
  encryptionKey: list({ help: "key with the encryption protocol to use needed to encrypt the image (e.g. jwe:/path/to/key.pem)" }),
} as const;

const flags = {
  ...registryFlags,
  ...retryFlags,
  ...encryptionFlags,
  all: toggle({ help: "push all of the images referenced by the manifest list" }),
  blobCache,
  compressionFormat: text({ help: "compression format to use" }),
  compressionLevel: whole({ help: "compression level to use" }),
  digestfile: text({ help: "after copying the image, write the digest of the resulting image to the file" }),
  disableCompression: toggle({ short: "D", help: "don't compress layers" }),
  forceCompression: toggle({ help: "use the specified compression algorithm if the destination contains a differently-compressed variant already" }),
  format: text({ short: "f", help: "manifest type (oci, v2s1, or v2s2) to use in the destination (default is manifest type of source, with fallbacks)" }),
  quiet: toggle({ short: "q", help: "don't output progress information when pushing images" }),
  removeSignatures: toggle({ help: "don't copy signatures when pushing image" }),
  rm: toggle({ help: "remove the manifest list if push succeeds" }),
  signBy: text({ value: "FINGERPRINT", help: "sign the image using a GPG key with the specified FINGERPRINT" }),
} as const;

const about = "\n  Pushes an image to a specified location.\n\n  The Image \"DESTINATION\" uses a \"transport\":\"details\" format. If not specified, will reuse source IMAGE as DESTINATION.\n\n" +
  "  Supported transports:\n  containers-storage,dir,docker,docker-archive,docker-daemon,oci,oci-archive\n\n  See buildah-push(1) section \"DESTINATION\" for the expected format\n";

export default verb({
  usage: "[flags] IMAGE [DESTINATION]",
  about,
  operands: { complete: imageNames, check() {} },
  interspersed: false,
  flags,
  examples: ["buildah push imageID docker://registry.example.com/repository:tag", "buildah push imageID docker-daemon:image:tagi", "buildah push imageID oci:/path/to/layout:image:tag"],
  async run(line) {
    const { context, flags: asked, given, operands } = line;
    refuseLateOptions(operands);
    if (operands.length === 0) throw refuse("at least a source image ID must be specified");
    if (operands.length > 2) throw refuse("only two arguments are necessary to push: source and destination");
    const [image, destination] = operands as [string, string?];
    if (image === "") throw refuse('invalid image name ""');
    const digest = await pushed(line, image, destination);
    if (asked.digestfile) writeFileSync(asked.digestfile, digest, { mode: 0o644 });
    if (asked.rm) await removeList(line, image);
  },
});

async function pushed({ context, flags: asked, given }: VerbCall<typeof flags>, image: string, destination: string | undefined): Promise<string> {
  const system = systemOf(context, asked, given);
  const name = destination === undefined ? undefined : findImageName(destination);
  const { openHost } = await import("../../engine/host.ts");
  try {
    return await push(image, destination, {
      store: context.host.store,
      system,
      ...(asked.format === undefined ? {} : { format: asked.format }),
      onProgress: progressOf(context, asked.quiet),
      all: asked.all,
      openStore: ({ root, runroot }) => openHost({ root, ...(runroot === undefined ? {} : { runroot }) }).store,
      ...packingOf(asked, name?.transport ?? "docker"),
      ...(await encryptionOf(asked)),
      removeSignatures: asked.removeSignatures,
      signer: (identity) => signerOf({ signBy: asked.signBy }, identity),
    });
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "usage.invalid") throw thrown;
    throw inFront(`pushing image ${JSON.stringify(image)} to ${JSON.stringify(destination ?? image)}`, thrown);
  }
}

/** Plain layers are packed on their way to where that is usual, unless they are to stay as they are. */
function packingOf(asked: VerbCall<typeof flags>["flags"], transport: string): { packing?: NonNullable<Parameters<typeof push>[2]["packing"]> } {
  const level = asked.compressionLevel === undefined ? {} : { level: asked.compressionLevel };
  if (asked.compressionFormat) return { packing: { format: packingFormat(asked.compressionFormat), ...level } };
  if (asked.disableCompression || transport === "containers-storage" || transport === "docker-archive") return {};
  return { packing: { isForced: true, ...(asked.compressionLevel === undefined ? { isUsual: true } : {}), ...level } };
}

async function removeList({ context }: VerbCall<typeof flags>, image: string): Promise<void> {
  const { removeImagesOf } = await import("../../engine/images.ts");
  const removed = await removeImagesOf(context.host, [image]);
  for (const fault of removed.faults) throw fault;
}

