// The options by which skopeo, podman and buildah encrypt layers and open encrypted ones.
// Source: skopeo-copy(1), podman-push(1), podman-pull(1).

import { Fault } from "../base/fault.ts";
import type { CopyOptions } from "../image/copy.ts";

export interface EncryptionFlags {
  readonly encryptionKey: readonly string[];
  /** Places of layers, as written. */
  readonly encryptLayer: readonly string[];
}

/** @throws Fault "usage.invalid" */
export async function encryptionOf({ encryptionKey, encryptLayer }: EncryptionFlags): Promise<Pick<CopyOptions, "encryption">> {
  if (encryptionKey.length === 0) {
    if (encryptLayer.length === 0) return {};
    throw new Fault("usage.invalid", "--encrypt-layer can only be used with --encryption-key");
  }
  const { readRecipients } = await import("../image/encryption/keys.ts");
  return { encryption: { recipients: readRecipients(encryptionKey), layers: encryptLayer.map(placeOf) } };
}

function placeOf(text: string): number {
  if (/^-?\d{1,5}$/.test(text)) return Number(text);
  throw new Fault("usage.invalid", `invalid argument "${text}" for "--encrypt-layer" flag: strconv.Atoi: parsing "${text}": invalid syntax`);
}

/** @throws Fault "usage.invalid" */
export async function openersOf(decryptionKey: readonly string[] | undefined): Promise<Pick<CopyOptions, "openers">> {
  if (decryptionKey === undefined || decryptionKey.length === 0) return {};
  const { readOpeners } = await import("../image/encryption/keys.ts");
  return { openers: readOpeners(decryptionKey) };
}
