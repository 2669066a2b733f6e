// A transparency log's promise, kept beside a sigstore signature, that it holds the signature: checked without asking the log.
// Source: Rekor's "Signed Entry Timestamp"; cosign's bundle annotation; RFC 8785 for the canonical JSON that is signed.

import { createHash, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { asRecord, isRecord, needText, needWhole, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import { fromBase64, signatureBytesMax } from "./form.ts";
import { readPem } from "./pem.ts";

const subject: Subject = { what: "Rekor SET", code: "policy.rejected" };

export interface LoggedEntry {
  /** The bundle annotation. */
  readonly entry: string;
  /** PEM of the public key or certificate that should have been logged. */
  readonly keyOrCertificate: string;
  /** Base64, as in the annotation. */
  readonly signature: string;
  readonly payload: Uint8Array;
}

/** When the log took it in, as milliseconds since 1970. @throws Fault "policy.rejected" */
export function verifyLogged({ entry, keyOrCertificate, signature, payload }: LoggedEntry, logKeys: readonly KeyObject[]): number {
  const bundle = asRecord(parseJson(entry, subject, signatureBytesMax), subject);
  exactly(bundle, ["SignedEntryTimestamp", "Payload"]);
  const signed = asRecord(bundle["Payload"], subject, '"Payload"');
  exactly(signed, ["body", "integratedTime", "logIndex", "logID"]);
  const promise = fromBase64(bundle["SignedEntryTimestamp"], "SignedEntryTimestamp");
  const canonical = new TextEncoder().encode(JSON.stringify(Object.fromEntries(Object.entries(signed).sort(([one], [two]) => (one < two ? -1 : 1)))));
  if (!logKeys.some(key => verify("sha256", canonical, key, promise))) {
    throw refused("cryptographic signature verification of Rekor SET failed");
  }
  const seconds = needWhole(signed, "integratedTime", subject);
  const body = asRecord(parseJson(fromBase64(signed["body"], "body"), subject, signatureBytesMax), subject);
  checkBody(body, { keyOrCertificate, signature, payload });
  return seconds * 1000;
}

const refused = (reason: string): Fault => new Fault("policy.rejected", reason);

function exactly(fields: Fields, names: readonly string[]): void {
  const odd = [...Object.keys(fields).filter(name => !names.includes(name)), ...names.filter(name => !Object.hasOwn(fields, name))];
  if (odd.length > 0) throw refused(`cannot read Rekor SET: unexpected or missing field ${JSON.stringify(odd[0])}`);
}

function inside(fields: Fields, ...path: readonly string[]): Fields {
  let at: unknown = fields;
  for (const name of path) at = isRecord(at) ? at[name] : undefined;
  return asRecord(at, subject, `"${path.join(".")}"`);
}

function checkBody(body: Fields, { keyOrCertificate, signature, payload }: Omit<LoggedEntry, "entry">): void {
  if (body["kind"] !== "hashedrekord") throw refused(`unexpected kind ${JSON.stringify(body["kind"])} in Rekor SET`);
  if (body["apiVersion"] !== "0.0.1") throw refused(`unsupported Rekor SET payload hashedrekord version ${JSON.stringify(body["apiVersion"])}`);
  const logged = inside(body, "spec", "signature");
  const keyText = fromBase64(inside(body, "spec", "signature", "publicKey")["content"], "publicKey.content");
  if (!isSameBlock(keyText, keyOrCertificate)) throw refused("publicKey in Rekor SET does not match");
  const same = Buffer.compare(fromBase64(logged["content"], "signature.content"), fromBase64(signature, "signature")) === 0;
  if (!same) throw refused("signature in Rekor SET does not match");
  const hash = inside(body, "spec", "data", "hash");
  if (hash["algorithm"] !== "sha256") throw refused(`unexpected "data.hash.algorithm" value ${JSON.stringify(hash["algorithm"])}`);
  if (needText(hash, "value", subject) !== createHash("sha256").update(payload).digest("hex")) {
    throw refused("payload in Rekor SET does not match");
  }
}

function isSameBlock(one: Uint8Array, two: string): boolean {
  const [first, ...more] = readPem(one);
  const [second, ...others] = readPem(two);
  if (!first || !second || more.length + others.length > 0) return false;
  return Buffer.compare(first.bytes, second.bytes) === 0;
}
