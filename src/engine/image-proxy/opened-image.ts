// One image that a client of the image proxy has open: its manifest in OCI's form, its config, its layers.
// Source: skopeo's docs-experimental, "skopeo-experimental-image-proxy".

import { digestOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import { readConfig } from "../../image/config.ts";
import { convertManifest } from "../../image/convert.ts";
import { readBlob } from "../../image/read-blob.ts";
import { ociConfigOf } from "../../image/describe.ts";
import { readManifest } from "../../image/manifest.ts";
import type { ParsedManifest, RawManifest } from "../../image/manifest.ts";
import { choosePlatform } from "../../image/platform.ts";
import type { PlatformChoice } from "../../image/platform.ts";
import type { Source } from "../../image/source.ts";

type Image = ParsedManifest & { readonly kind: "image" };

export interface OpenedImage {
  readonly source: Source;
  /** The digest as it was, and the manifest as OCI writes it. */
  manifest(): Promise<{ readonly digest: Digest; readonly bytes: Uint8Array }>;
  config(): Promise<object>;
  layers(): Promise<readonly { readonly digest: Digest; readonly size: number; readonly media_type: string }[]>;
}

/** Admits the top manifest; what it names by digest is let in with it. @throws Fault "policy.rejected" */
export async function openedImage(source: Source, platform?: PlatformChoice): Promise<OpenedImage> {
  const top = await source.manifest();
  await source.admit?.(top);
  let image: Promise<Image> | undefined;
  let configBytes: Promise<Uint8Array> | undefined;
  const chosen = (): Promise<Image> => (image ??= choose(source, top, platform));
  const config = async (): Promise<Uint8Array> => (configBytes ??= readBlob(source, (await chosen()).manifest.config));
  return {
    source,
    async manifest() {
      const { raw, manifest } = await chosen();
      const { digest, bytes, mediaType } = raw;
      if (mediaType === mediaTypes.ociManifest) return { digest, bytes };
      const bytesOfConfig = await config();
      const cargo = { raw, manifest, configBytes: bytesOfConfig, config: readConfig(bytesOfConfig) };
      return { digest, bytes: convertManifest(cargo, mediaTypes.ociManifest).raw.bytes };
    },
    config: async () => ociConfigOf({ top, manifest: (await chosen()).manifest, configBytes: await config() }),
    layers: async () => (await chosen()).manifest.layers.map(({ digest, size, mediaType }) => ({ digest, size, media_type: mediaType })),
  };
}

async function choose(source: Source, top: RawManifest, platform?: PlatformChoice): Promise<Image> {
  refuseLegacy(top);
  const parsed = readManifest(top);
  if (parsed.kind === "image") return parsed;
  const { digest } = choosePlatform(parsed.index, platform);
  const raw = await source.manifest(digest);
  if (digestOf(raw.bytes, digest.slice(0, digest.indexOf(":"))) !== digest) {
    throw new Fault("digest.mismatch", `cannot read manifest "${digest}": its bytes have another digest`);
  }
  refuseLegacy(raw);
  const member = readManifest(raw);
  if (member.kind === "image") return member;
  throw new Fault("image.unsupported", `cannot read image index: its entry ${digest} is an index itself`);
}

/** Clients are promised OCI manifests, which Docker's first schema cannot be made into by its names alone. */
function refuseLegacy({ mediaType }: RawManifest): void {
  if (mediaType !== mediaTypes.dockerManifestV1 && mediaType !== mediaTypes.dockerManifestV1Signed) return;
  throw new Fault("image.unsupported", `unsupported legacy manifest MIME type: ${mediaType}`);
}
