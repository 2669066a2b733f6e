// The JSON that is signed, by simple signing and by sigstore alike: this manifest digest goes by this name.
// Source: containers-signature(5), "JSON data".

import { isDigest } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { findDoubledKey } from "../../base/json-keys.ts";
import { asRecord, needText, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";

export const payloadBytesMax = 64 * 1024;
const subject: Subject = { what: "signature", code: "policy.rejected" };

export interface Statement {
  readonly digest: Digest;
  /** A whole reference such as "docker.io/library/busybox:latest". */
  readonly identity: string;
}

export function statementJson({ digest, identity }: Statement, kind: string): string {
  return JSON.stringify({
    critical: {
      identity: { "docker-reference": identity },
      image: { "docker-manifest-digest": digest },
      type: kind,
    },
    optional: { creator: "coracle", timestamp: Math.floor(Date.now() / 1000) },
  });
}

/** Strict: no field may be missing, doubled or unknown among the critical ones. @throws Fault "policy.rejected" */
export function readStatement(payload: Uint8Array, kind: string): Statement {
  const fields = asRecord(parseJson(payload, subject, payloadBytesMax), subject);
  if (findDoubledKey(new TextDecoder().decode(payload)) !== undefined) throw refused("a key stands twice");
  exactly(fields, ["critical", "optional"]);
  const critical = asRecord(fields["critical"], subject, '"critical"');
  exactly(critical, ["type", "image", "identity"]);
  if (critical["type"] !== kind) throw new Fault("policy.rejected", `Unrecognized signature type ${JSON.stringify(critical["type"])}`);
  const image = asRecord(critical["image"], subject, '"image"');
  exactly(image, ["docker-manifest-digest"]);
  const identity = asRecord(critical["identity"], subject, '"identity"');
  exactly(identity, ["docker-reference"]);
  const digest = needText(image, "docker-manifest-digest", subject);
  if (!isDigest(digest)) throw refused("its digest is malformed");
  return { digest, identity: needText(identity, "docker-reference", subject) };
}

const refused = (reason: string): Fault => new Fault("policy.rejected", `cannot read signature: ${reason}`);

function exactly(fields: Fields, names: readonly string[]): void {
  const unknown = Object.keys(fields).find(name => !names.includes(name));
  if (unknown !== undefined) throw refused(`unknown field ${JSON.stringify(unknown)}`);
  const missing = names.find(name => !Object.hasOwn(fields, name));
  if (missing !== undefined) throw refused(`field ${JSON.stringify(missing)} is missing`);
}
