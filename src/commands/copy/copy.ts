// skopeo copy: one image, or all of an index, from any transport to any other.

import { writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { list, natural, text, toggle, whole } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { exactly } from "../../cli/operands.ts";
import { copyImage } from "../../image/copy.ts";
import type { CopyOptions } from "../../image/copy.ts";
import { readManifest } from "../../image/manifest.ts";
import { packingFormat } from "../../image/pack.ts";
import type { Packing } from "../../image/pack.ts";
import { atDockerHub, parseReference, referenceText } from "../../image/reference.ts";
import type { Reference } from "../../image/reference.ts";
import { isSchema1 } from "../../image/schema1/schema1.ts";
import type { Source } from "../../image/source.ts";
import { dockerReference, openSink, openSource, parseImageName } from "../../image/transport.ts";
import type { ImageName, SinkOptions } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { copyFlags, referrersWish, sharedOptions } from "./copy-flags.ts";
import { encryptionOf, openersOf } from "../layer-encryption.ts";
import type { EncryptionFlags } from "../layer-encryption.ts";
import { signerOf } from "../signing.ts";
import type { CopyFlags } from "./copy-flags.ts";
import { authfile, imageFlags, oldTlsVerify, retryFlags, said, sideSystem, transportsHelp, worldOf } from "./sides.ts";
import { copyProgress } from "./progress.ts";
import { verb } from "./verb.ts";
import { imageNames, refuseManyWords } from "./words.ts";

const compressHelp = "image layers when saving to directory using the 'dir' transport. (default is same compression type as source)";

interface OwnFlags extends CopyFlags, EncryptionFlags {
  readonly decryptionKey: readonly string[];
  readonly additionalTag: readonly string[];
  readonly all: boolean;
  readonly destCompress: boolean;
  readonly destCompressFormat?: string;
  readonly destCompressLevel?: number;
  readonly destDecompress: boolean;
  readonly destForceCompressFormat: boolean;
  readonly destOciAcceptUncompressedLayers: boolean;
  readonly digestfile?: string;
  readonly imageParallelCopies?: number;
  readonly multiArch?: string;
  readonly quiet: boolean;
  readonly signIdentity?: string;
}

export default verb({
  usage: "[command options] SOURCE-IMAGE DESTINATION-IMAGE",
  about: `Container "IMAGE-NAME" uses a "transport":"details" format.\n\n  ${transportsHelp}`,
  operands: refuseManyWords(exactly(2, imageNames), "Exactly two arguments expected"),
  flags: {
    authfile,
    tlsVerify: oldTlsVerify,
    ...imageFlags("src"),
    ...imageFlags("dest"),
    ...retryFlags,
    ...copyFlags,
    additionalTag: list({ help: "additional tags (supports docker-archive)" }),
    all: toggle({ short: "a", help: "Copy all images if SOURCE-IMAGE is a list" }),
    decryptionKey: list({ secret: "whole", help: "*Experimental* key needed to decrypt the image" }),
    destCompress: toggle({ help: `Compress tarball ${compressHelp}` }),
    destCompressFormat: text({ value: "FORMAT", help: "FORMAT to use for the compression", complete: () => ["gzip", "zstd"] }),
    destCompressLevel: whole({ value: "LEVEL", help: "LEVEL to use for the compression" }),
    destDecompress: toggle({ help: `Decompress tarball ${compressHelp}` }),
    destForceCompressFormat: toggle({ help: "Force exclusive use of the compression algorithm set in --dest-compress-format" }),
    destOciAcceptUncompressedLayers: toggle({ help: "Allow uncompressed image layers when saving to an OCI image using the 'oci' transport. (default is to compress things that aren't compressed)" }),
    destPrecomputeDigests: toggle({ help: "Precompute digests to prevent uploading layers already on the registry using the 'docker' transport." }),
    digestfile: text({ help: "Write the digest of the pushed image to the specified file", complete: files }),
    encryptLayer: list({ value: "ints", help: "*Experimental* the 0-indexed layer indices, with support for negative indexing (e.g. 0 is the first layer, -1 is the last layer)" }),
    encryptionKey: list({ help: "*Experimental* key with the encryption protocol to use needed to encrypt the image (e.g. jwe:/path/to/key.pem)" }),
    imageParallelCopies: natural({ help: "Maximum number of image layers to be copied (pulled/pushed) simultaneously. Not setting this field will fall back to containers/image defaults." }),
    multiArch: text({ help: "How to handle multi-architecture images (system, all, or index-only)", complete: () => ["system", "all", "index-only"] }),
    quiet: toggle({ short: "q", help: "Suppress output information when copying images" }),
    signIdentity: text({ help: "Identity of signed image, must be a fully specified docker reference. Defaults to the target docker reference." }),
  },
  needs: "nothing",
  examples: ["skopeo copy docker://quay.io/skopeo/stable:latest docker://registry.example.com/skopeo:latest"],
  async run(call) {
    const { context, given } = call;
    const flags = call.flags as unknown as OwnFlags;
    const [from = "", to = ""] = call.operands;
    if (given.has("tlsVerify")) log.warn("'--tls-verify' is deprecated, instead use: --src-tls-verify, --dest-tls-verify");
    if (flags.encryptionKey.length > 0 && flags.decryptionKey.length > 0) throw refuse("--encryption-key and --decryption-key cannot be specified together");
    const policy = await context.policy();
    const source = await said(`Invalid source name ${from}`, () => parseImageName(from));
    const target = await said(`Invalid destination name ${to}`, () => parseImageName(to));
    const sides = { src: { ...sideSystem(call, "src"), policy }, dest: sideSystem(call, "dest") };
    const instances = instancesOf(flags, given);
    const shown = copyProgress(context, flags.progress);
    const options: CopyOptions = {
      ...sharedOptions(flags),
      ...referrersWish({ given, flags, isAll: instances === "all" }),
      instances,
      packing: packingOf(flags),
      ...(await signerOf(flags, identityOf(flags, target))),
      ...(await encryptionOf(flags)),
      ...(await openersOf(flags.decryptionKey)),
      ...(sides.src.platform ? { platform: sides.src.platform } : {}),
      ...(context.signal ? { signal: context.signal } : {}),
      ...(flags.imageParallelCopies ? { parallel: flags.imageParallelCopies } : {}),
      ...(context.globals.tmpdir ? { tmpDir: context.globals.tmpdir } : {}),
      ...(flags.quiet ? {} : { onProgress: shown.onProgress }),
    };
    const opened = await openSource(source, worldOf(context, sides.src));
    const sink = await openSink(target, worldOf(context, sides.dest), sinkOptions(flags, target));
    if (await isLong(opened)) (await import("../../engine/own-pages.ts")).releaseOwnCode();
    const { raw } = await copyImage(opened, sink, options).finally(() => shown.end());
    if (flags.digestfile) keepDigest(flags.digestfile, raw.digest);
  },
});

/** A short copy is over before the memory counts that the start has left behind. */
const shortBytesMax = 64 * 1024 * 1024;

async function isLong(source: Source): Promise<boolean> {
  try {
    const raw = await source.manifest();
    const parsed = isSchema1(raw) ? undefined : readManifest(raw);
    return parsed?.kind !== "image" || parsed.manifest.layers.reduce((sum, layer) => sum + layer.size, 0) > shortBytesMax;
  } catch {
    // Met again by the copy, which closes both ends.
    return true;
  }
}

function instancesOf({ all, multiArch }: OwnFlags, given: ReadonlySet<string>): "system" | "all" | "index-only" {
  if (!given.has("multiArch")) return all ? "all" : "system";
  if (all) throw refuse("Cannot use --all and --multi-arch flags together");
  if (multiArch === "system" || multiArch === "all" || multiArch === "index-only") return multiArch;
  const choices = "Choose one of the supported options: 'system', 'all', or 'index-only'";
  throw refuse(`unknown multi-arch option ${JSON.stringify(multiArch)}. ${choices}`);
}

/** A format that is asked for is the only one in what is written: layers packed otherwise are never taken in its place. */
function packingOf({ destCompressFormat, destCompressLevel, destCompress, destForceCompressFormat }: OwnFlags): Packing {
  if (destForceCompressFormat && !destCompressFormat) throw refuse("--dest-force-compress-format can only be used with --dest-compress-format");
  return {
    ...(destCompressFormat ? { format: packingFormat(destCompressFormat) } : {}),
    ...(destCompressLevel === undefined ? {} : { level: destCompressLevel }),
    ...(destCompress ? { isForced: true } : {}),
  };
}

/** Options that only some transports heed are warned about with the others. */
function sinkOptions(flags: OwnFlags, { transport }: ImageName): SinkOptions {
  const isDir = transport === "dir";
  for (const [isGiven, name] of [[flags.destCompress, "dest-compress"], [flags.destDecompress, "dest-decompress"]] as const) {
    if (isGiven && !isDir) log.warn(`--${name} can only be used if the destination transport is 'dir'`);
  }
  const additionalNames = flags.additionalTag.map(additionalName);
  return {
    ...(isDir && flags.destDecompress ? { layers: "uncompressed" as const } : {}),
    ...(isDir && flags.destCompress ? { packsLayers: true } : {}),
    ...(transport === "oci" && flags.destOciAcceptUncompressedLayers ? { packsLayers: false } : {}),
    ...(additionalNames.length > 0 ? { additionalNames } : {}),
  };
}

function additionalName(tag: string): string {
  try {
    const reference = atDockerHub(parseReference(tag));
    if (reference.tag !== undefined) return referenceText(reference);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(cause.code, `error parsing additional-tag '${tag}': ${cause.message}`, { cause });
  }
  throw refuse(`additional-tag '${tag}' must be a tagged reference`);
}

function identityOf({ signIdentity }: OwnFlags, target: ImageName): Reference | undefined {
  if (!signIdentity) return target.transport === "docker" ? dockerReference(target.rest) : undefined;
  const identity = parseReference(signIdentity);
  if (identity.domain !== "") return identity;
  throw refuse(`Could not parse --sign-identity: repository name must be canonical`);
}

function keepDigest(file: string, digest: string): void {
  try {
    writeFileSync(file, digest);
  } catch (cause) {
    throw new Fault("system.failed", `Failed to write digest to file ${JSON.stringify(file)}: ${reasonOf(cause)}`, { cause });
  }
}
