// Docker's schema 1 manifests with signatures in them: what was signed, which is what their digest is of.
// Source: Docker distribution manifest-v2-1, "Signed Manifests"; libtrust's JSON signatures.

import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { asRecord, findList, malformed, needText, needWhole, parseJson } from "../../base/shape.ts";

const subject = { what: "signed image manifest", code: "image.malformed" } as const;
const signaturesMax = 16;

/**
 * The manifest without its signatures. They are not verified: nobody's keys for them are known, and trust goes by policy.json.
 *
 * @throws Fault "image.malformed" where there are none, or they are of different payloads
 */
export function signedPayload(bytes: Uint8Array): Uint8Array {
  const fields = asRecord(parseJson(bytes, subject, limits.manifestBytesMax), subject);
  const payloads = findList(fields, "signatures", subject, signaturesMax).map(signature => payloadOf(bytes, signature));
  const [first] = payloads;
  if (first === undefined) throw malformed(subject, "it has no signature");
  if (payloads.some(payload => !Buffer.from(payload).equals(first))) throw malformed(subject, "its signatures are of different payloads");
  return first;
}

function payloadOf(bytes: Uint8Array, signature: unknown): Uint8Array {
  const encoded = needText(asRecord(signature, subject, "a signature"), "protected", subject);
  const header = asRecord(parseJson(Buffer.from(encoded, "base64url"), subject, limits.headerBytesMax), subject, "a signature's header");
  const length = needWhole(header, "formatLength", subject);
  const tail = Buffer.from(needText(header, "formatTail", subject), "base64url");
  if (length > bytes.length || tail.length > limits.headerBytesMax) throw malformed(subject, "a signature is of more than there is");
  return Buffer.concat([bytes.subarray(0, length), tail]);
}

/** Whether a file holds such a manifest. */
export function isSigned(bytes: Uint8Array): boolean {
  try {
    const fields = asRecord(parseJson(bytes, subject, limits.manifestBytesMax), subject);
    return fields["schemaVersion"] === 1 && fields["signatures"] !== undefined;
  } catch (thrown) {
    if (thrown instanceof Fault) return false;
    throw thrown;
  }
}
