// Whom a layer is encrypted for and what opens it: the values of --encryption-key and --decryption-key.
// Source: skopeo-copy(1), "--encryption-key", "--decryption-key"; ocicrypt's README.md.

import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { JsonWebKeyInput, KeyObject } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { isRecord, parseJson } from "../../base/shape.ts";
import { readPem } from "../signature/pem.ts";
import { fileFault } from "../tree.ts";
import { isJweAlgorithm } from "./jwe.ts";
import type { JweRecipient } from "./jwe.ts";

type JsonWebKey = JsonWebKeyInput["key"];

const keyBytesMax = 1024 * 1024;

export interface Recipients {
  readonly jwe: readonly JweRecipient[];
  readonly pkcs7: readonly X509Certificate[];
  /** Names or addresses of keys in the person's own key ring. */
  readonly pgp: readonly string[];
}

export interface PgpSecret {
  readonly ring: Uint8Array;
  readonly password?: string;
}

export interface Openers {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly X509Certificate[];
  readonly pgp: readonly PgpSecret[];
}

const refuse = (message: string, hint?: string): Fault => new Fault("usage.invalid", message, hint === undefined ? {} : { hint });

function readKeyFile(file: string): Uint8Array {
  try {
    if (statSync(file).size > keyBytesMax) throw refuse(`cannot read ${JSON.stringify(file)}: larger than ${keyBytesMax} bytes`);
    return readFileSync(file);
  } catch (thrown) {
    throw fileFault(`Unable to read file: open ${file}`, thrown);
  }
}

/** @throws Fault "usage.invalid"; "usage.unsupported" for protocols we do not have */
export function readRecipients(texts: readonly string[]): Recipients {
  const jwe: JweRecipient[] = [];
  const pkcs7: X509Certificate[] = [];
  const pgp: string[] = [];
  for (const text of texts) {
    const colon = text.indexOf(":");
    const [protocol, value] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
    if (colon < 0) throw refuse("Invalid encryption keys: Invalid recipient format", "write PROTOCOL:KEY, such as jwe:/path/to/key.pem");
    switch (protocol) {
      case "jwe": jwe.push(publicKey(readKeyFile(value))); break;
      case "pkcs7": pkcs7.push(certificateIn(readKeyFile(value))); break;
      case "pgp": pgp.push(value); break;
      case "pkcs11":
      case "provider": throw new Fault("usage.unsupported", `cannot encrypt with "${protocol}": not supported`, { hint: "use jwe:, pkcs7: or pgp:" });
      default: throw refuse("Invalid encryption keys: Provided protocol not recognized", "use jwe:, pkcs7: or pgp:");
    }
  }
  return { jwe, pkcs7, pgp };
}

function publicKey(data: Uint8Array): JweRecipient {
  const key = publicKeyIn(data);
  if (key && (key.key.asymmetricKeyType === "rsa" || key.key.asymmetricKeyType === "ec")) return key;
  throw refuse("Invalid encryption keys: File provided is not a public key");
}

/** PEM, DER or JWK. */
function publicKeyIn(data: Uint8Array): JweRecipient | undefined {
  const [block] = pemIn(data);
  if (block && block.label !== "PUBLIC KEY") return undefined;
  const jwk = block ? undefined : jwkIn(data);
  const algorithm = typeof jwk?.["alg"] === "string" ? jwk["alg"] : undefined;
  if (algorithm !== undefined && !isJweAlgorithm(algorithm)) throw refuse(`${JSON.stringify(algorithm)} is an unsupported JWE key algorithm`);
  try {
    if (jwk?.["d"] !== undefined) return undefined;
    const key = jwk ? createPublicKey({ key: jwk, format: "jwk" }) : createPublicKey({ key: Buffer.from(block?.bytes ?? data), format: "der", type: "spki" });
    return { key, ...(algorithm === undefined ? {} : { algorithm }) };
  } catch {
    return undefined;
  }
}

function pemIn(data: Uint8Array): ReturnType<typeof readPem> {
  try {
    return readPem(data);
  } catch {
    return [];
  }
}

function jwkIn(data: Uint8Array): JsonWebKey | undefined {
  if (data[0] !== 0x7b) return undefined;
  try {
    const value = parseJson(data, { what: "key", code: "usage.invalid" }, keyBytesMax);
    return isRecord(value) ? (value as JsonWebKey) : undefined;
  } catch {
    return undefined;
  }
}

function findCertificate(data: Uint8Array): X509Certificate | undefined {
  const [block] = pemIn(data);
  if (block && block.label !== "CERTIFICATE") return undefined;
  try {
    return new X509Certificate(block?.bytes ?? data);
  } catch {
    return undefined;
  }
}

function certificateIn(data: Uint8Array): X509Certificate {
  const certificate = findCertificate(data);
  if (certificate) return certificate;
  throw refuse("Invalid encryption keys: File provided is not an x509 cert");
}

/** "FILE[:PASSWORD]", the password plain or as pass=, file= or fd=. A file that holds no key is passed over, as others do. */
export function readOpeners(texts: readonly string[]): Openers {
  const keys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  const pgp: PgpSecret[] = [];
  for (const text of texts) {
    if (text.startsWith("provider:")) throw new Fault("usage.unsupported", 'cannot decrypt with "provider": not supported');
    const parts = text.split(":");
    const password = parts.length === 2 ? passwordFrom(parts[1]!) : undefined;
    const data = readKeyFile(parts[0]!);
    const key = privateKeyIn(data, password, parts[0]!);
    const certificate = key ? undefined : findCertificate(data);
    if (key) keys.push(key);
    else if (certificate) certificates.push(certificate);
    else if (isSecretRing(data)) pgp.push({ ring: data, ...(password === undefined ? {} : { password }) });
  }
  if (keys.length + pgp.length > 0) return { keys, certificates, pgp };
  throw refuse("Invalid decryption keys: none of the files holds a private key");
}

function passwordFrom(text: string): string {
  if (text.startsWith("file=")) return new TextDecoder().decode(readKeyFile(text.slice(5)));
  if (text.startsWith("pass=")) return text.slice(5);
  if (!text.startsWith("fd=")) return text;
  const number = Number(text.slice(3));
  if (!/^\d{1,6}$/.test(text.slice(3))) throw refuse(`could not parse file descriptor ${text.slice(3)}`);
  const bytes = new Uint8Array(64);
  const fd = openSync(`/proc/self/fd/${number}`, "r");
  try {
    return new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes)));
  } finally {
    closeSync(fd);
  }
}

function privateKeyIn(data: Uint8Array, password: string | undefined, file: string): KeyObject | undefined {
  const text = new TextDecoder().decode(data);
  const isPem = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) && !text.includes("PGP PRIVATE KEY");
  const isLocked = /Proc-Type: 4,ENCRYPTED|BEGIN ENCRYPTED PRIVATE KEY/.test(text);
  if (isPem && isLocked && password === undefined) {
    throw refuse(`Invalid decryption keys: Missing password for encrypted private key ${JSON.stringify(file)}`, "write it as FILE:pass=PASSWORD or FILE:file=PASSWORDFILE");
  }
  try {
    if (isPem) return createPrivateKey({ key: text, ...(isLocked ? { passphrase: password! } : {}) });
    const jwk = jwkIn(data);
    if (jwk) return jwk["d"] === undefined ? undefined : createPrivateKey({ key: jwk, format: "jwk" });
  } catch (cause) {
    if (isLocked) throw new Fault("usage.invalid", `Invalid decryption keys: Wrong password: could not decrypt private key ${JSON.stringify(file)}`, { cause });
    return undefined;
  }
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      return createPrivateKey({ key: Buffer.from(data), format: "der", type });
    } catch {
      // The next form, then.
    }
  }
  return undefined;
}

/** A secret key packet in front, or the same in armour. */
const isSecretRing = (data: Uint8Array): boolean =>
  data[0] === 0x94 || data[0] === 0x95 || data[0] === 0xc5 || new TextDecoder().decode(data.subarray(0, 100)).includes("BEGIN PGP PRIVATE KEY BLOCK");
