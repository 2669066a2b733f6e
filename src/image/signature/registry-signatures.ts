// Signatures of an image in a registry: simple ones in its lookaside, sigstore ones in the registry itself.
// Source: containers-registries.d(5).

import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import type { Reference } from "../reference.ts";
import type { ImageSystem } from "../system.ts";
import type { Shelf } from "./attachments.ts";
import { readSignature, signatureBytes } from "./form.ts";
import { readLookaside, writeLookaside } from "./lookaside.ts";
import { usesAttachments } from "./registries-d.ts";

export interface SignedPlace {
  readonly reference: Reference;
  /** The very registry that is read from or written to. */
  readonly shelf: Shelf;
  readonly system: ImageSystem;
}

export async function readBesideRegistry({ reference, shelf, system }: SignedPlace, digest: Digest): Promise<Uint8Array[]> {
  const simple = await readLookaside(reference, digest, system.registriesDir);
  if (!usesAttachments(reference, system.registriesDir)) return simple;
  const { readAttachments } = await import("./attachments.ts");
  return [...simple, ...(await readAttachments(shelf, digest))];
}

/** @throws Fault "usage.unsupported" where sigstore signatures are not to be kept for this name */
export async function writeBesideRegistry(place: SignedPlace, digest: Digest, bytes: readonly Uint8Array[]): Promise<void> {
  const { reference, shelf, system } = place;
  const signatures = bytes.map(readSignature);
  const sigstore = signatures.flatMap(one => (one.kind === "sigstore" ? [one] : []));
  const simple = signatures.filter(({ kind }) => kind === "simple").map(signatureBytes);
  if (sigstore.length > 0) {
    if (!usesAttachments(reference, system.registriesDir)) {
      throw new Fault("usage.unsupported", "writing sigstore attachments is disabled by configuration", {
        hint: "set use-sigstore-attachments: true for this registry in registries.d",
      });
    }
    const { writeAttachments } = await import("./attachments.ts");
    await writeAttachments(shelf, digest, sigstore);
  }
  if (simple.length > 0) writeLookaside(reference, digest, { signatures: simple, registriesDir: system.registriesDir });
}
