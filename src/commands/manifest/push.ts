// manifest push: a manifest list, with the images in it, to a registry or by another transport.
// Source: podman-manifest-push(1), buildah-manifest-push(1).

import { writeFileSync } from "node:fs";
import { list, text, toggle, whole } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { between } from "../../cli/operands.ts";
import { removeImagesOf } from "../../engine/images.ts";
import { getList } from "../../image/manifest-list.ts";
import { packingFormat, type Packing } from "../../image/pack.ts";
import { push } from "../../image/push.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem, progressOf } from "../pulling.ts";
import { authfile, certDir, creds, retryFlags } from "../shared-flags.ts";
import { signerOf, signingFlags } from "../signing.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { isBuildah } from "./words.ts";

export default verb({
  usage: "[options] LIST DESTINATION",
  about: "Pushes manifest lists and image indexes to registries.",
  operands: between(1, 2, imageNames),
  flags: {
    ...signingFlags,
    addCompression: list({ help: "add instances with selected compression while pushing" }),
    all: toggle({ help: "also push the images in the list", fallback: true }),
    authfile,
    certDir,
    compressionFormat: text({ help: "compression format to use", complete: () => ["gzip", "zstd"] }),
    compressionLevel: whole({ help: "compression level to use" }),
    creds,
    digestfile: text({ help: "after copying the image, write the digest of the resulting digest to the file", complete: files }),
    forceCompression: toggle({ help: "use the specified compression algorithm even if the destination contains a differently-compressed variant already" }),
    format: text({ short: "f", help: "manifest type (oci or v2s2) to attempt to use when pushing the manifest list (default is manifest type of source)", complete: () => ["oci", "v2s2"] }),
    insecure: toggle({ help: "neither require HTTPS nor verify certificates when accessing the registry", hidden: true }),
    quiet: toggle({ short: "q", help: "don't output progress information when pushing lists" }),
    removeSignatures: toggle({ help: "don't copy signatures when pushing images" }),
    ...retryFlags("push"),
    rm: toggle({ short: "p", help: "remove the manifest list if push succeeds", aliases: ["purge"] }),
    signBy: text({ value: "FINGERPRINT", help: "sign the image using a GPG key with the specified FINGERPRINT" }),
    signaturePolicy: text({ help: "Path to a signature-policy file", hidden: true }),
    tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
  },
  examples: ["podman manifest push mylist:v1.11 docker://registry.example.org/mylist:v1.11"],
  async run({ context, flags, given, operands }) {
    const [name, destination] = operands as [string, string?];
    if (flags.insecure && given.has("tlsVerify")) throw refuse("--insecure may not be used with --tls-verify");
    const system = imageSystem(context, flags.insecure ? { ...flags, tlsVerify: false } : flags, flags.insecure ? new Set([...given, "tlsVerify"]) : given);
    if (flags.format === "v2s1") throw refuse('unknown format "v2s1". Choose on of the supported formats: \'oci\' or \'v2s2\'');
    const found = getList(context.host.store, name, context.host.imageSystem);
    const { openHost } = await import("../../engine/host.ts");
    const addCompression = (given.has("addCompression") ? flags.addCompression : context.host.conf.engine.add_compression ?? []).map(packingFormat);
    const digest = await push(found.names[0] ?? found.id, destination ?? name, {
      store: context.host.store,
      system,
      all: flags.all,
      ...(flags.format ? { format: flags.format } : {}),
      ...packingOf(flags),
      ...(addCompression.length > 0 ? { addCompression } : {}),
      removeSignatures: flags.removeSignatures,
      signer: (identity) => signerOf(flags, identity),
      openStore: ({ root, runroot }) => openHost({ root, ...(runroot === undefined ? {} : { runroot }) }).store,
      onProgress: progressOf(context, flags.quiet),
    });
    if (flags.digestfile) writeFileSync(flags.digestfile, digest, { mode: 0o644 });
    if (flags.rm) for (const fault of (await removeImagesOf(context.host, [found.id], { force: true })).faults) throw fault;
    if (!isBuildah(context) && !flags.quiet) context.out(digest);
  },
});

interface PackingFlags {
  readonly compressionFormat?: string | undefined;
  readonly compressionLevel?: number | undefined;
  readonly forceCompression: boolean;
}

/** Layers of the store go as they are kept, unless another format was asked for; plain ones are packed where anything was said. */
function packingOf({ compressionFormat, compressionLevel, forceCompression }: PackingFlags): { packing?: Packing } {
  if (!compressionFormat && compressionLevel === undefined && !forceCompression) return {};
  return {
    packing: {
      isForced: true,
      ...(compressionFormat ? { format: packingFormat(compressionFormat) } : {}),
      ...(compressionLevel === undefined ? {} : { level: compressionLevel }),
    },
  };
}
