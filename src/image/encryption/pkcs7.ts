// Layer keys in a CMS envelope for the owners of X.509 certificates.
// Source: RFC 5652 (CMS EnvelopedData), RFC 3370 (RSA), RFC 5084 (AES-GCM), the last as ocicrypt nests its parameters.

import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt, randomBytes } from "node:crypto";
import type { KeyObject, X509Certificate } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { der, derInteger, derItems, derOid, derTags, expect, oidText, readOneDer } from "../signature/der.ts";
import type { DerValue } from "../signature/der.ts";

const oids = {
  enveloped: "1.2.840.113549.1.7.3",
  data: "1.2.840.113549.1.7.1",
  rsa: "1.2.840.113549.1.1.1",
  oaep: "1.2.840.113549.1.1.7",
  aes128gcm: "2.16.840.1.101.3.4.1.6",
  aes256gcm: "2.16.840.1.101.3.4.1.46",
} as const;
const nonceTag = 0x84;

/** Issuer and serial number, by which an envelope names who may open it. */
function nameOf(certificate: X509Certificate): Uint8Array {
  const [signed] = derItems(readOneDer(new Uint8Array(certificate.raw), derTags.sequence).content);
  const fields = derItems(expect(signed, derTags.sequence).content).filter(({ tag }) => tag !== 0xa0);
  return der(derTags.sequence, expect(fields[2], derTags.sequence).whole, expect(fields[0], derTags.integer).whole);
}

export function encryptPkcs7(plain: Uint8Array, certificates: readonly X509Certificate[]): Uint8Array {
  const key = randomBytes(16);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const parameters = der(derTags.sequence, der(derTags.sequence, der(nonceTag, nonce), derInteger(16)));
  const content = der(derTags.sequence, derOid(oids.data), der(derTags.sequence, derOid(oids.aes128gcm), parameters), der(0x80, ciphertext));
  const recipients = certificates.map(certificate => recipientInfo(certificate, key));
  const envelope = der(derTags.sequence, derInteger(0), der(derTags.set, ...recipients), content);
  return der(derTags.sequence, derOid(oids.enveloped), der(0xa0, envelope));
}

function recipientInfo(certificate: X509Certificate, key: Uint8Array): Uint8Array {
  const { publicKey } = certificate;
  if (publicKey.asymmetricKeyType !== "rsa") {
    throw new Fault("usage.unsupported", `cannot encrypt for a certificate with a key of type ${publicKey.asymmetricKeyType}: pkcs7 needs RSA`);
  }
  const encrypted = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
  const algorithm = der(derTags.sequence, derOid(oids.rsa), der(derTags.nothing));
  return der(derTags.sequence, derInteger(0), nameOf(certificate), algorithm, der(derTags.octetString, encrypted));
}

/** undefined where none of the keys opens it. @throws Fault "input.malformed", "image.unsupported" */
export function decryptPkcs7(message: Uint8Array, { keys, certificates }: { keys: readonly KeyObject[]; certificates: readonly X509Certificate[] }): Uint8Array | undefined {
  const [kind, wrapped] = derItems(readOneDer(message, derTags.sequence).content);
  if (oidText(expect(kind, derTags.oid)) !== oids.enveloped) throw new Fault("input.malformed", "cannot read PKCS7: it is no envelope");
  const [, recipients, content] = derItems(readOneDer(expect(wrapped, 0xa0).content, derTags.sequence).content);
  const names = certificates.map(one => Buffer.from(nameOf(one)));
  for (const recipient of derItems(expect(recipients, derTags.set).content, 64)) {
    const [, name, algorithm, encrypted] = derItems(expect(recipient, derTags.sequence).content);
    if (!names.some(one => one.equals(expect(name, derTags.sequence).whole))) continue;
    for (const key of keys) {
      const plain = openWith(key, { algorithm, encrypted, content });
      if (plain) return plain;
    }
  }
  return undefined;
}

interface Locked {
  readonly algorithm: DerValue | undefined;
  readonly encrypted: DerValue | undefined;
  readonly content: DerValue | undefined;
}

function openWith(key: KeyObject, { algorithm, encrypted, content }: Locked): Uint8Array | undefined {
  if (key.asymmetricKeyType !== "rsa") return undefined;
  const id = oidText(expect(derItems(expect(algorithm, derTags.sequence).content)[0], derTags.oid));
  const bytes = Buffer.from(expect(encrypted, derTags.octetString).content);
  const contentKey = id === oids.rsa ? unpadded(key, bytes) : id === oids.oaep ? oaep(key, bytes) : undefined;
  return contentKey && openContent(expect(content, derTags.sequence), contentKey);
}

/** RFC 8017, section 7.2.2; the runtime gives only the raw operation. */
function unpadded(key: KeyObject, bytes: Buffer): Uint8Array | undefined {
  try {
    const block = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, bytes);
    const end = block.indexOf(0, 2);
    return block[0] === 0 && block[1] === 2 && end >= 10 ? new Uint8Array(block.subarray(end + 1)) : undefined;
  } catch {
    return undefined;
  }
}

function oaep(key: KeyObject, bytes: Buffer): Uint8Array | undefined {
  try {
    return new Uint8Array(privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" }, bytes));
  } catch {
    return undefined;
  }
}

function openContent(content: DerValue, key: Uint8Array): Uint8Array | undefined {
  const [, algorithm, sealed] = derItems(content.content);
  const [id, parameters] = derItems(expect(algorithm, derTags.sequence).content);
  const name = oidText(expect(id, derTags.oid));
  const length = name === oids.aes128gcm ? 16 : name === oids.aes256gcm ? 32 : undefined;
  if (length === undefined) throw new Fault("image.unsupported", `cannot decrypt layer key: cipher ${name} is not supported`);
  const [first, second] = derItems(parameters?.content ?? new Uint8Array());
  const nonce = (first?.tag === derTags.sequence && second === undefined ? derItems(first.content)[0] : first)?.content;
  const bytes = sealed?.tag === 0xa0 ? Buffer.concat(derItems(sealed.content).map(({ content: part }) => part)) : sealed?.content;
  if (nonce?.length !== 12 || bytes === undefined || bytes.length < 16 || key.length !== length) return undefined;
  const cipher = createDecipheriv(`aes-${length * 8}-gcm` as "aes-128-gcm", key, nonce);
  cipher.setAuthTag(bytes.subarray(bytes.length - 16));
  try {
    return Buffer.concat([cipher.update(bytes.subarray(0, bytes.length - 16)), cipher.final()]);
  } catch {
    return undefined;
  }
}
