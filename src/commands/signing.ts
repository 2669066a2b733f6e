// The options by which skopeo, podman and buildah sign what they copy.
// Source: skopeo-copy(1), podman-push(1).

import { Fault } from "../base/fault.ts";
import { files } from "../cli/complete.ts";
import { text } from "../cli/flag.ts";
import { askLine, isTerminal } from "../cli/prompt.ts";
import type { CopyOptions } from "../image/copy.ts";
import { parseReference, type Reference } from "../image/reference.ts";
import type { Store, StoredImage } from "../storage/store.ts";

export const signingFlags = {
  signBy: text({ value: "FINGERPRINT", help: "Sign the image using a GPG key with the specified FINGERPRINT" }),
  signBySigstore: text({ value: "PATH", help: "Sign the image using a sigstore parameter file at PATH", complete: files }),
  signBySigstorePrivateKey: text({ value: "PATH", help: "Sign the image using a sigstore private key at PATH", complete: files }),
  signBySqFingerprint: text({ value: "FINGERPRINT", help: "Sign the image using a Sequoia-PGP key with the specified FINGERPRINT" }),
  signPassphraseFile: text({ value: "PATH", help: "Read a passphrase for signing an image from PATH", complete: files }),
} as const;

export interface SigningFlags {
  readonly signBy?: string | undefined;
  readonly signBySigstore?: string | undefined;
  readonly signBySigstorePrivateKey?: string | undefined;
  readonly signBySqFingerprint?: string | undefined;
  readonly signPassphraseFile?: string | undefined;
}

const isSigning = ({ signBy, signBySigstore, signBySigstorePrivateKey }: SigningFlags): boolean =>
  Boolean(signBy || signBySigstore || signBySigstorePrivateKey);

const refuse = (message: string, hint?: string): Fault => new Fault("usage.invalid", message, hint === undefined ? {} : { hint });

/** Signs under `identity`. @throws Fault where it is missing or has neither tag nor digest, and where a key cannot be used */
export async function signerOf(flags: SigningFlags, identity: Reference | undefined): Promise<Pick<CopyOptions, "sign">> {
  const { signBy, signBySigstore, signBySigstorePrivateKey, signBySqFingerprint, signPassphraseFile } = flags;
  if (signPassphraseFile && [signBy, signBySqFingerprint, signBySigstorePrivateKey].filter(Boolean).length > 1) {
    throw refuse("Only one of --sign-by, --sign-by-sq-fingerprint and --sign-by-sigstore-private-key can be used with --sign-passphrase-file");
  }
  if (signBySqFingerprint) {
    throw new Fault("usage.unsupported", "Error using --sign-by-sq-fingerprint: signing with Sequoia-PGP is not supported", { hint: "sign with --sign-by" });
  }
  if (!isSigning(flags)) return {};
  if (identity === undefined) throw refuse("Cannot determine canonical Docker reference for destination", "name one with --sign-identity");
  if (identity.tag === undefined && identity.digest === undefined) throw refuse("Sign identity must be a fully specified reference");
  const { readPassphrase, signerFor, sigstoreKeyAt, sigstoreParameters } = await import("../image/signature/signers.ts");
  const passphrase = signPassphraseFile ? readPassphrase(signPassphraseFile) : undefined;
  const sigstoreKeys = [];
  if (signBySigstore) sigstoreKeys.push(await sigstoreParameters(signBySigstore, askPassphrase));
  if (signBySigstorePrivateKey) {
    sigstoreKeys.push(await sigstoreKeyAt(signBySigstorePrivateKey, passphrase ?? (await askPassphrase(signBySigstorePrivateKey))));
  }
  const gpg = signBy ? { gpg: { key: signBy, ...(passphrase === undefined ? {} : { passphrase }) } } : {};
  return { sign: signerFor({ ...gpg, sigstoreKeys, identity }) };
}

/** Signs an image of the store for each of its names. @throws Fault "usage.invalid" where it has none */
export async function signNames(store: Store, image: StoredImage, names: readonly string[], signBy: string | undefined): Promise<void> {
  if (!signBy) return;
  if (names.length === 0) throw refuse("Cannot determine canonical Docker reference for destination", "give the image a name, with --tag");
  const { signStored } = await import("../image/sign-stored.ts");
  for (const name of names) await signStored(store, image, (await signerOf({ signBy }, parseReference(name))).sign!);
}

/** Asks for the passphrase of a key without showing it. @throws Fault where nobody can be asked */
export async function askPassphrase(file: string): Promise<string> {
  if (!isTerminal(0)) {
    throw refuse(`Cannot prompt for a passphrase for key ${file}, standard input is not a TTY`, "give a file with the passphrase");
  }
  const [{ writeOut }, { withoutEcho }] = await Promise.all([import("../cli/output.ts"), import("../engine/terminals.ts")]);
  writeOut(`Passphrase for key ${file}: `);
  const line = await withoutEcho(0, askLine);
  writeOut("\n");
  return line ?? "";
}
