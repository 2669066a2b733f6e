// podman push: sends an image to a registry or writes it by another transport.

import { goQuote, list, text, texts, toggle, whole } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { between } from "../../cli/operands.ts";
import { readContainersConf } from "../../base/containers-conf.ts";
import type { Host } from "../../engine/host.ts";
import { imageEvent } from "../../engine/images.ts";
import { packingFormat, type Packing } from "../../image/pack.ts";
import { push } from "../../image/push.ts";
import { findImage } from "../../image/resolve.ts";
import { findImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem, progressOf } from "../pulling.ts";
import { authfile, certDir, creds, retryFlags, tlsVerify } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { encryptionOf } from "../layer-encryption.ts";
import { signerOf, signingFlags } from "../signing.ts";
import { verb } from "../verb.ts";

/** What containers.conf says; read only where help is printed. */
const engine = () => readContainersConf({ env: process.env, rootless: process.getuid?.() !== 0 }).engine;

export default verb({
  usage: "[options] IMAGE [DESTINATION]",
  about: 'Pushes a source image to a specified destination.\n\n\tThe Image "DESTINATION" uses a "transport":"details" format. See podman-push(1) section "DESTINATION" for the expected format.',
  operands: between(1, 2, imageNames),
  flags: {
    authfile,
    certDir,
    compress: toggle({ help: "Compress tarball image layers when pushing to a directory using the 'dir' transport. (default is same compression type as source)" }),
    compressionFormat: {
      ...text({ help: "compression format to use", complete: () => ["gzip", "zstd", "zstd:chunked"] }),
      get shown() {
        return goQuote(engine().compression_format || "gzip");
      },
    },
    compressionLevel: {
      ...whole({ help: "compression level to use" }),
      get shown() {
        const level = engine().compression_level;
        return level === undefined ? undefined : String(level);
      },
    },
    creds,
    digestfile: text({ help: "Write the digest of the pushed image to the specified file", complete: files }),
    disableContentTrust: toggle({ help: "This is a Docker specific option and is a NOOP" }),
    encryptLayer: list({ value: "ints", help: "Layers to encrypt, 0-indexed layer indices with support for negative indexing (e.g. 0 is the first layer, -1 is the last layer). If not defined, will encrypt all layers if encryption-key flag is specified" }),
    encryptionKey: texts({ help: "Key with the encryption protocol to use to encrypt the image (e.g. jwe:/path/to/key.pem)" }),
    forceCompression: toggle({ help: "Use the specified compression algorithm even if the destination contains a differently-compressed variant already" }),
    format: text({ short: "f", help: "Manifest type (oci, v2s2, or v2s1) to use in the destination (default is manifest type of source, with fallbacks)", complete: () => ["oci", "v2s2", "v2s1"] }),
    quiet: toggle({ short: "q", help: "Suppress output information when pushing images" }),
    removeSignatures: toggle({ help: "Discard any pre-existing signatures in the image" }),
    ...retryFlags("push"),
    ...signingFlags,
    signBy: text({ help: "Add a signature at the destination using the specified key" }),
    signaturePolicy: text({ help: "Path to a signature-policy file", hidden: true }),
    tlsVerify,
  },
  examples: ["podman push imageID docker://registry.example.com/repository:tag", "podman push imageID oci-archive:/path/to/layout:image:tag"],
  async run({ context, flags, given, operands }) {
    const [image, destination] = operands;
    const encryption = await encryptionOf(flags);
    const digest = await push(image!, destination, {
      store: context.host.store,
      system: imageSystem(context, flags, given),
      ...(flags.format === undefined ? {} : { format: flags.format }),
      ...encryption,
      ...packingOf(context.host, flags, destination),
      removeSignatures: flags.removeSignatures,
      signer: (identity) => signerOf(flags, identity),
      onProgress: progressOf(context, flags.quiet),
    });
    imageEvent(context.host, "push", { id: findImage(context.host.store, image!, context.host.imageSystem)?.id, name: destination ?? image! });
    if (flags.digestfile !== undefined) (await import("node:fs")).writeFileSync(flags.digestfile, digest);
  },
});

interface PackingFlags {
  readonly compress: boolean;
  readonly compressionFormat?: string | undefined;
  readonly compressionLevel?: number | undefined;
  readonly forceCompression: boolean;
}

/**
 * Layers of the store are kept compressed as they came, and go so, unless another format was asked for. --compress packs
 * plain ones on their way to a directory.
 *
 * @throws Fault "usage.*" for a format that is none, and for --compress to elsewhere
 */
function packingOf({ conf: { engine: set } }: Host, flags: PackingFlags, destination: string | undefined): { packing?: Packing } {
  const transport = destination === undefined ? undefined : findImageName(destination)?.transport;
  if (flags.compress && transport !== "dir") throw refuse("--compress can be set only when destination type is 'dir'");
  const format = flags.compressionFormat || (transport === undefined || transport === "docker" ? set.compression_format : undefined);
  const level = flags.compressionLevel ?? set.compression_level;
  if (!format && !flags.compress && !flags.forceCompression) return {};
  return {
    packing: {
      ...(format ? { format: packingFormat(format) } : {}),
      ...(level === undefined ? {} : { level }),
      ...(flags.compress || flags.forceCompression ? { isForced: true } : {}),
    },
  };
}
