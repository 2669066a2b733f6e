// JSON Web Encryption for any number of recipients, as far as layer keys need it.
// Source: RFC 7516 (JWE), RFC 7518 (JWA): RSA-OAEP, ECDH-ES with key wrapping, AES in GCM; RFC 3394 (key wrapping).

import {
  constants, createCipheriv, createDecipheriv, createHash, createPublicKey, diffieHellman, generateKeyPairSync, privateDecrypt, publicEncrypt, randomBytes,
} from "node:crypto";
import type { JsonWebKeyInput, KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { asRecord, findList, findRecord, findText, isRecord, needText, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";

const subject: Subject = { what: "JWE", code: "image.malformed" };
const messageBytesMax = 256 * 1024;
const recipientsMax = 64;

export interface JweRecipient {
  readonly key: KeyObject;
  /** Such as "RSA-OAEP"; absent: by the kind of the key. */
  readonly algorithm?: string;
}

const oaepHashes: Readonly<Record<string, string>> = { "RSA-OAEP": "sha1", "RSA-OAEP-256": "sha256" };
const wrapBits: Readonly<Record<string, number>> = { "ECDH-ES+A128KW": 128, "ECDH-ES+A192KW": 192, "ECDH-ES+A256KW": 256 };
const contentBytes: Readonly<Record<string, 16 | 24 | 32>> = { A128GCM: 16, A192GCM: 24, A256GCM: 32 };

export const isJweAlgorithm = (name: string): boolean => Object.hasOwn(oaepHashes, name) || Object.hasOwn(wrapBits, name);

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64url"));

/** One recipient's algorithm stands in the protected header, several in their own. */
export function encryptJwe(plain: Uint8Array, recipients: readonly JweRecipient[]): Uint8Array {
  const key = randomBytes(32);
  const wrapped = recipients.map(recipient => wrapFor(recipient, key));
  const only = wrapped.length === 1 ? wrapped[0] : undefined;
  const header = encode(new TextEncoder().encode(JSON.stringify({ ...only?.header, enc: "A256GCM" })));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  const keys = only
    ? { encrypted_key: encode(only.encryptedKey) }
    : { recipients: wrapped.map(one => ({ header: one.header, encrypted_key: encode(one.encryptedKey) })) };
  const message = { protected: header, ...keys, iv: encode(iv), ciphertext: encode(ciphertext), tag: encode(cipher.getAuthTag()) };
  return new TextEncoder().encode(JSON.stringify(message));
}

interface Wrapped {
  readonly header: Readonly<Record<string, unknown>>;
  readonly encryptedKey: Uint8Array;
}

function wrapFor({ key, algorithm }: JweRecipient, content: Uint8Array): Wrapped {
  const isEc = key.asymmetricKeyType === "ec";
  const alg = algorithm ?? (isEc ? "ECDH-ES+A256KW" : "RSA-OAEP");
  if (isEc !== Object.hasOwn(wrapBits, alg)) throw new Fault("usage.invalid", `cannot encrypt for a key of type ${key.asymmetricKeyType}: ${alg} does not go with it`);
  const hash = oaepHashes[alg];
  if (hash !== undefined) {
    const encryptedKey = publicEncrypt({ key, oaepHash: hash, padding: constants.RSA_PKCS1_OAEP_PADDING }, content);
    return { header: { alg }, encryptedKey };
  }
  const namedCurve = key.asymmetricKeyDetails?.namedCurve ?? "prime256v1";
  const own = generateKeyPairSync("ec", { namedCurve });
  const shared = diffieHellman({ privateKey: own.privateKey, publicKey: key });
  const { kty, crv, x, y } = own.publicKey.export({ format: "jwk" });
  return { header: { alg, epk: { kty, crv, x, y } }, encryptedKey: wrapKey(agreedKey(shared, alg), content) };
}

/** RFC 7518, section 4.6.2, with no party information. */
function agreedKey(shared: Uint8Array, alg: string): Uint8Array {
  const bits = wrapBits[alg]!;
  const whole = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const hash = createHash("sha256").update(Buffer.concat([whole(1), shared, whole(alg.length), Buffer.from(alg), whole(0), whole(0), whole(bits)]));
  return hash.digest().subarray(0, bits / 8);
}

const wrapStart = Buffer.alloc(8, 0xa6);

function block(key: Uint8Array, input: Uint8Array, isDecrypting: boolean): Buffer {
  const name = `aes-${key.length * 8}-ecb`;
  const cipher = isDecrypting ? createDecipheriv(name, key, null) : createCipheriv(name, key, null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(input), cipher.final()]);
}

function counted(head: Uint8Array, count: number): Buffer {
  const bytes = Buffer.from(head);
  bytes.writeUInt32BE((bytes.readUInt32BE(4) ^ count) >>> 0, 4);
  return bytes;
}

function wrapKey(key: Uint8Array, plain: Uint8Array): Uint8Array {
  const parts = Array.from({ length: plain.length / 8 }, (_, at) => plain.subarray(at * 8, at * 8 + 8));
  let head: Uint8Array = wrapStart;
  for (let round = 0; round < 6; round++) {
    for (const [at, part] of parts.entries()) {
      const out = block(key, Buffer.concat([head, part]), false);
      head = counted(out.subarray(0, 8), parts.length * round + at + 1);
      parts[at] = out.subarray(8);
    }
  }
  return Buffer.concat([head, ...parts]);
}

function unwrapKey(key: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  if (wrapped.length % 8 !== 0 || wrapped.length < 24 || wrapped.length > 72) return undefined;
  let head: Uint8Array = Buffer.from(wrapped.subarray(0, 8));
  const parts = Array.from({ length: wrapped.length / 8 - 1 }, (_, at) => wrapped.subarray(at * 8 + 8, at * 8 + 16));
  for (let round = 5; round >= 0; round--) {
    for (let at = parts.length - 1; at >= 0; at--) {
      const out = block(key, Buffer.concat([counted(head, parts.length * round + at + 1), parts[at]!]), true);
      head = out.subarray(0, 8);
      parts[at] = out.subarray(8);
    }
  }
  return wrapStart.equals(head) ? Buffer.concat(parts) : undefined;
}

/** undefined where none of the keys opens it. @throws Fault "image.malformed" */
export function decryptJwe(message: Uint8Array, keys: readonly KeyObject[]): Uint8Array | undefined {
  const fields = asRecord(parseJson(message, subject, messageBytesMax), subject);
  const protectedText = needText(fields, "protected", subject);
  const header = asRecord(parseJson(decode(protectedText), subject, messageBytesMax), subject);
  for (const { all, encryptedKey } of recipientsIn(fields, header)) {
    for (const key of keys) {
      const content = contentKey(all, encryptedKey, key);
      const plain = content && openContent({ fields, protectedText, enc: findText(all, "enc", subject) }, content);
      if (plain) return plain;
    }
  }
  return undefined;
}

function recipientsIn(fields: Fields, header: Fields): { all: Fields; encryptedKey: Uint8Array }[] {
  const shared = { ...findRecord(fields, "unprotected", subject), ...header };
  const list = findList(fields, "recipients", subject, recipientsMax);
  const entries = list.length > 0 ? list.map(one => asRecord(one, subject, "a recipient")) : [fields];
  return entries.map(entry => ({
    all: { ...findRecord(entry, "header", subject), ...shared },
    encryptedKey: decode(findText(entry, "encrypted_key", subject) ?? ""),
  }));
}

function contentKey(header: Fields, encryptedKey: Uint8Array, key: KeyObject): Uint8Array | undefined {
  const alg = findText(header, "alg", subject) ?? "";
  try {
    const hash = oaepHashes[alg];
    if (hash !== undefined) {
      if (key.asymmetricKeyType !== "rsa") return undefined;
      return privateDecrypt({ key, oaepHash: hash, padding: constants.RSA_PKCS1_OAEP_PADDING }, encryptedKey);
    }
    if (wrapBits[alg] === undefined || key.asymmetricKeyType !== "ec" || !isRecord(header["epk"])) return undefined;
    const publicKey = createPublicKey({ key: header["epk"] as JsonWebKeyInput["key"], format: "jwk" });
    return unwrapKey(agreedKey(diffieHellman({ privateKey: key, publicKey }), alg), encryptedKey);
  } catch {
    // Another's key: what it makes of this is no concern of ours.
    return undefined;
  }
}

interface Content {
  readonly fields: Fields;
  readonly protectedText: string;
  readonly enc: string | undefined;
}

function openContent({ fields, protectedText, enc = "" }: Content, key: Uint8Array): Uint8Array | undefined {
  const length = contentBytes[enc];
  if (length === undefined) throw new Fault("image.unsupported", `cannot decrypt layer key: content encryption ${JSON.stringify(enc)} is not supported`);
  const [iv, tag] = [decode(needText(fields, "iv", subject)), decode(needText(fields, "tag", subject))];
  if (key.length !== length || iv.length !== 12 || tag.length !== 16) return undefined;
  const more = findText(fields, "aad", subject);
  const cipher = createDecipheriv(`aes-${length * 8}-gcm` as "aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(more === undefined ? protectedText : `${protectedText}.${more}`));
  cipher.setAuthTag(tag);
  try {
    return Buffer.concat([cipher.update(decode(needText(fields, "ciphertext", subject))), cipher.final()]);
  } catch {
    return undefined;
  }
}
