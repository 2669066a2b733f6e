// A signature as bytes: an OpenPGP message as it is, or a sigstore signature in the form directories, lookasides and stores keep.
// Source: containers' signature access protocols, "binary signature format"; cosign's SIGNATURE_SPEC.md.

import { Fault } from "../../base/fault.ts";
import { asRecord, findTextMap, needText, parseJson } from "../../base/shape.ts";
import type { Subject } from "../../base/shape.ts";

export const signatureBytesMax = 4 * 1024 * 1024;
export const signaturesMax = 100;

/** Media type of the payload that a sigstore signature signs; other attachments beside it have other types. */
export const sigstorePayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
export const sigstoreAnnotations = {
  signature: "dev.cosignproject.cosign/signature",
  entry: "dev.sigstore.cosign/bundle",
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
} as const;

export interface SigstoreSignature {
  readonly kind: "sigstore";
  readonly mediaType: string;
  readonly payload: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

export type Signature = { readonly kind: "simple"; readonly message: Uint8Array } | SigstoreSignature;

const subject: Subject = { what: "signature", code: "policy.rejected" };

/** First bytes of OpenPGP messages: compressed data, one-pass signature, signature, in the old and new packet forms. */
const isOpenPgp = (first: number): boolean => {
  if ((first & 0x80) === 0) return first === 0x3d;
  const tag = first & 0x40 ? first & 0x3f : (first >> 2) & 0x0f;
  return tag === 8 || tag === 4 || tag === 2;
};

const broken = (reason: string): Fault => new Fault("policy.rejected", `cannot read signature: ${reason}`);

/** @throws Fault "policy.rejected" */
export function readSignature(bytes: Uint8Array): Signature {
  if (bytes.length === 0) throw broken("it is empty");
  if (bytes.length > signatureBytesMax * 2) throw broken(`larger than ${signatureBytesMax * 2} bytes`);
  if (bytes[0] !== 0) {
    if (isOpenPgp(bytes[0]!)) return { kind: "simple", message: bytes };
    throw broken(`unrecognized format, starting with byte 0x${bytes[0]!.toString(16).padStart(2, "0")}`);
  }
  const end = bytes.subarray(0, 64).indexOf(0x0a);
  if (end < 0) throw broken("invalid format, missing newline");
  const kind = new TextDecoder().decode(bytes.subarray(1, end));
  const rest = bytes.subarray(end + 1);
  if (kind === "simple-signing") return { kind: "simple", message: rest };
  if (kind === "sigstore-json") return readSigstore(rest);
  throw broken(`unrecognized format ${JSON.stringify(kind)}`);
}

function readSigstore(bytes: Uint8Array): SigstoreSignature {
  const fields = asRecord(parseJson(bytes, subject, signatureBytesMax * 2), subject);
  return {
    kind: "sigstore",
    mediaType: needText(fields, "mimeType", subject),
    payload: fromBase64(fields["payload"] ?? "", "payload"),
    annotations: findTextMap(fields, "annotations", subject) ?? {},
  };
}

/** Strict: nothing but the alphabet and its padding. @throws Fault "policy.rejected" */
export function fromBase64(text: unknown, name: string): Uint8Array {
  const isValid = typeof text === "string" && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  if (!isValid) throw broken(`"${name}" is not base64`);
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** In the form that is kept, which for simple ones is the message itself. */
export function signatureBytes(signature: Signature): Uint8Array {
  if (signature.kind === "simple") return signature.message;
  const { mediaType, payload, annotations } = signature;
  const json = JSON.stringify({ mimeType: mediaType, payload: Buffer.from(payload).toString("base64"), annotations });
  return new TextEncoder().encode(`\0sigstore-json\n${json}`);
}
