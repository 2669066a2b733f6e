// Simple signing: the signed statement that a manifest digest goes by a name.
// Source: containers-signature(5).

import { isDigest } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { asRecord, isRecord, needText, parseJson } from "../../base/shape.ts";
import type { Subject } from "../../base/shape.ts";
import { signWithGpg, verifyWithGpg } from "./gpg.ts";
import type { Key } from "./gpg.ts";

const payloadBytesMax = 64 * 1024;
const signatureType = "atomic container signature";
const subject: Subject = { what: "signature", code: "policy.rejected" };

export interface Statement {
  readonly digest: Digest;
  /** A whole reference such as "docker.io/library/busybox:latest". */
  readonly identity: string;
}

export function signStatement({ digest, identity }: Statement, key: Key): Uint8Array {
  const payload = {
    critical: {
      identity: { "docker-reference": identity },
      image: { "docker-manifest-digest": digest },
      type: signatureType,
    },
    optional: { creator: "coracle", timestamp: Math.floor(Date.now() / 1000) },
  };
  return signWithGpg(new TextEncoder().encode(JSON.stringify(payload)), key);
}

/** What a signature says, by a trusted key. @throws Fault "policy.rejected" */
export function verifyStatement(signature: Uint8Array, keys?: readonly Uint8Array[]): Statement & { readonly fingerprint: string } {
  const { payload, fingerprint } = verifyWithGpg(signature, keys);
  return { ...readPayload(payload), fingerprint };
}

/** Strict: no field may be missing, doubled in meaning or unknown among the critical ones. */
function readPayload(payload: Uint8Array): Statement {
  const fields = asRecord(parseJson(payload, subject, payloadBytesMax), subject);
  only(fields, ["critical", "optional"]);
  const critical = asRecord(fields["critical"], subject, '"critical"');
  only(critical, ["type", "image", "identity"]);
  if (critical["type"] !== signatureType) throw new Fault("policy.rejected", `unrecognized signature type ${JSON.stringify(critical["type"])}`);
  const image = asRecord(critical["image"], subject, '"image"');
  only(image, ["docker-manifest-digest"]);
  const identity = asRecord(critical["identity"], subject, '"identity"');
  only(identity, ["docker-reference"]);
  const digest = needText(image, "docker-manifest-digest", subject);
  if (!isDigest(digest)) throw new Fault("policy.rejected", "cannot read signature: its digest is malformed");
  return { digest, identity: needText(identity, "docker-reference", subject) };
}

function only(fields: unknown, names: readonly string[]): void {
  const unknown = isRecord(fields) ? Object.keys(fields).find(name => !names.includes(name)) : undefined;
  if (unknown !== undefined) throw new Fault("policy.rejected", `cannot read signature: unknown field ${JSON.stringify(unknown)}`);
}
