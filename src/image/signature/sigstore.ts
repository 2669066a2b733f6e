// Sigstore signatures: the signed statement that a manifest digest goes by a name, made and checked with plain keys.
// Source: cosign's SIGNATURE_SPEC.md; the payload is that of containers-signature(5) with a type of its own.

import { sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { fromBase64, sigstoreAnnotations, sigstorePayloadType } from "./form.ts";
import type { SigstoreSignature } from "./form.ts";
import { readStatement, statementJson } from "./statement.ts";
import type { Statement } from "./statement.ts";

const payloadKind = "cosign container image signature";

/** Ed25519 hashes by itself; all others sign the SHA-256. */
const hashFor = (key: KeyObject): string | null => (key.asymmetricKeyType === "ed25519" ? null : "sha256");

export function signSigstore(statement: Statement, key: KeyObject): SigstoreSignature {
  const payload = new TextEncoder().encode(statementJson(statement, payloadKind));
  const signature = sign(hashFor(key), payload, key).toString("base64");
  return { kind: "sigstore", mediaType: sigstorePayloadType, payload, annotations: { [sigstoreAnnotations.signature]: signature } };
}

/** What a signature by one of the keys says. @throws Fault "policy.rejected" */
export function verifySigstore({ payload, annotations }: SigstoreSignature, keys: readonly KeyObject[]): Statement {
  const text = annotations[sigstoreAnnotations.signature];
  if (text === undefined) throw new Fault("policy.rejected", `missing ${sigstoreAnnotations.signature} annotation`);
  const signature = fromBase64(text, sigstoreAnnotations.signature);
  if (!keys.some(key => verify(hashFor(key), payload, key, signature))) {
    throw new Fault("policy.rejected", "cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature");
  }
  return readStatement(payload, payloadKind);
}
