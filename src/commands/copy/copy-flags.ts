// The options that copy and sync share, and what the copy engine makes of them.
// Source: skopeo-copy(1), skopeo-sync(1).

import { readFileSync } from "node:fs";
import { errnoOf, Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import { flagName, text, toggle } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import type { CopyOptions } from "../../image/copy.ts";
import { referenceText } from "../../image/reference.ts";
import type { Reference } from "../../image/reference.ts";
import { refuse } from "../container/written/refuse.ts";

export const copyFlags = {
  format: text({ short: "f", help: "MANIFEST TYPE (oci, v2s1, or v2s2) to use in the destination (default is manifest type of source, with fallbacks)", complete: () => ["oci", "v2s1", "v2s2"] }),
  referrers: toggle({ help: "Copy also what refers to the image: signatures, SBOMs, attestations (default with all of a list)" }),
  preserveDigests: toggle({ help: "Preserve digests of images and lists" }),
  removeSignatures: toggle({ help: "Do not copy signatures from source" }),
  signBy: text({ value: "FINGERPRINT", help: "Sign the image using a GPG key with the specified FINGERPRINT" }),
  signBySigstore: text({ value: "PATH", help: "Sign the image using a sigstore parameter file at PATH", complete: files }),
  signBySigstorePrivateKey: text({ value: "PATH", help: "Sign the image using a sigstore private key at PATH", complete: files }),
  signBySqFingerprint: text({ value: "FINGERPRINT", help: "Sign the image using a Sequoia-PGP key with the specified FINGERPRINT" }),
  signPassphraseFile: text({ value: "PATH", help: "Read a passphrase for signing an image from PATH", complete: files }),
} as const;

export interface CopyFlags {
  readonly format?: string;
  readonly referrers: boolean;
  readonly preserveDigests: boolean;
  readonly removeSignatures: boolean;
  readonly signBy?: string;
  readonly signPassphraseFile?: string;
}

/** Refuses by name what is not part of this version: nothing is passed over in silence. */
export function refuseUnbuilt(given: ReadonlySet<string>, names: readonly string[]): void {
  const asked = names.find((name) => given.has(name));
  if (asked !== undefined) throw new Fault("usage.unsupported", `cannot use --${flagName(asked)}: it is not part of this version`);
}

export const unbuiltSigning = ["signBySigstore", "signBySigstorePrivateKey", "signBySqFingerprint"];

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

/** Signs under the destination's name, or the one given. @throws Fault where the destination has none */
export function signerOf(flags: CopyFlags, identity: Reference | undefined): Pick<CopyOptions, "sign"> {
  if (!flags.signBy) return {};
  if (identity === undefined || (identity.tag === undefined && identity.digest === undefined)) {
    throw refuse("cannot determine canonical Docker reference for the destination", "name one with --sign-identity");
  }
  const key = flags.signBy;
  const passphrase = flags.signPassphraseFile === undefined ? {} : { passphrase: readPassphrase(flags.signPassphraseFile) };
  return {
    async sign(raw) {
      const { signStatement } = await import("../../image/signature/simple.ts");
      return signStatement({ digest: raw.digest, identity: referenceText(identity) }, { key, ...passphrase });
    },
  };
}

/** The first line of a file. */
export function readPassphrase(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n")[0]!;
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `cannot read passphrase file: open ${file}: ${reason}`, { cause });
  }
}
