// The options that copy and sync share, and what the copy engine makes of them.
// Source: skopeo-copy(1), skopeo-sync(1).

import { Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import { text, toggle } from "../../cli/flag.ts";
import type { CopyOptions } from "../../image/copy.ts";
import { refuse } from "../container/written/refuse.ts";
import { progress } from "./progress.ts";
import { signingFlags } from "../signing.ts";
import type { SigningFlags } from "../signing.ts";

export const copyFlags = {
  format: text({ short: "f", help: "MANIFEST TYPE (oci, v2s1, or v2s2) to use in the destination (default is manifest type of source, with fallbacks)", complete: () => ["oci", "v2s1", "v2s2"] }),
  progress,
  referrers: toggle({ help: "Copy also what refers to the image: signatures, SBOMs, attestations (default with all of a list)" }),
  preserveDigests: toggle({ help: "Preserve digests of images and lists" }),
  removeSignatures: toggle({ help: "Do not copy signatures from source" }),
  ...signingFlags,
} as const;

export interface CopyFlags extends SigningFlags {
  readonly format?: string;
  readonly progress?: string;
  readonly referrers: boolean;
  readonly preserveDigests: boolean;
  readonly removeSignatures: boolean;
}

/** @throws Fault "usage.*" */
export function manifestType(format: string | undefined): string | undefined {
  if (format === undefined) return undefined;
  if (format === "oci") return mediaTypes.ociManifest;
  if (format === "v2s2") return mediaTypes.dockerManifest;
  if (format === "v2s1") throw new Fault("usage.unsupported", "cannot write Docker schema 1 manifests", { hint: "use --format v2s2 or oci" });
  throw refuse(`unknown format ${JSON.stringify(format)}. Choose one of the supported formats: 'oci', 'v2s1', or 'v2s2'`);
}

/** What both verbs ask of the engine. */
export function sharedOptions(flags: CopyFlags): CopyOptions {
  const mediaType = manifestType(flags.format);
  return {
    preserveDigests: flags.preserveDigests,
    removeSignatures: flags.removeSignatures,
    ...(mediaType === undefined ? {} : { mediaType }),
  };
}

/** Those of a list that is copied whole come unasked, unless --referrers=false. */
export function referrersWish({ given, isAll, flags }: { given: ReadonlySet<string>; isAll: boolean; flags: CopyFlags }): Pick<CopyOptions, "referrers"> {
  if (given.has("referrers")) return flags.referrers ? { referrers: "asked" } : {};
  return isAll ? { referrers: "implied" } : {};
}
