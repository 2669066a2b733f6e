// Sigstore key pairs in files: an elliptic-curve key, the private half encrypted under a passphrase as cosign writes it.
// Source: cosign's "ENCRYPTED COSIGN PRIVATE KEY": scrypt (RFC 7914) and NaCl's secretbox in JSON in PEM.

import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, scryptSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { asRecord, findRecord, needText, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import { fromBase64 } from "./form.ts";
import { pemText, readPem } from "./pem.ts";

const privateLabels = ["ENCRYPTED COSIGN PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"];
const subject: Subject = { what: "sigstore private key", code: "input.malformed" };
const keyBytesMax = 64 * 1024;

/** The only costs that are in use; others could be made to fill the memory. */
const scryptCosts = [32_768, 65_536, 131_072];
const scryptMemoryMax = 256 * 1024 * 1024;

export interface KeyPair {
  readonly privatePem: string;
  readonly publicPem: string;
}

export function makeSigstoreKey(passphrase: string): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const plain = privateKey.export({ format: "der", type: "pkcs8" });
  const salt = randomBytes(32);
  const nonce = randomBytes(24);
  const params = { N: scryptCosts[1]!, r: 8, p: 1 };
  const sealed = xsalsa20poly1305(derive(passphrase, salt, params.N), nonce).encrypt(plain);
  const json = JSON.stringify({
    kdf: { name: "scrypt", params, salt: salt.toString("base64") },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(sealed).toString("base64"),
  });
  return {
    privatePem: pemText({ label: privateLabels[0]!, bytes: new TextEncoder().encode(json) }),
    publicPem: pemText({ label: "PUBLIC KEY", bytes: publicKey.export({ format: "der", type: "spki" }) }),
  };
}

const derive = (passphrase: string, salt: Uint8Array, cost: number): Uint8Array =>
  new Uint8Array(scryptSync(passphrase, salt, 32, { N: cost, r: 8, p: 1, maxmem: scryptMemoryMax }));

/** @throws Fault "input.malformed", also where the passphrase is wrong */
export function openSigstoreKey(pem: Uint8Array, passphrase: string): KeyObject {
  const [block] = readPem(pem);
  if (!block) throw new Fault("input.malformed", "cannot read sigstore private key: invalid pem block");
  if (!privateLabels.includes(block.label)) throw new Fault("input.malformed", `cannot read sigstore private key: unsupported pem type: ${block.label}`);
  const fields = asRecord(parseJson(block.bytes, subject, keyBytesMax), subject);
  const plain = decrypt(fields, passphrase);
  try {
    return createPrivateKey({ key: Buffer.from(plain), format: "der", type: "pkcs8" });
  } catch (cause) {
    throw new Fault("input.malformed", "cannot read sigstore private key: what it holds is no key", { cause });
  }
}

function decrypt(fields: Fields, passphrase: string): Uint8Array {
  const kdf = asRecord(fields["kdf"], subject, '"kdf"');
  const cipher = asRecord(fields["cipher"], subject, '"cipher"');
  const costs = findRecord(kdf, "params", subject) ?? {};
  if (needText(kdf, "name", subject) !== "scrypt") throw new Fault("input.malformed", `cannot read sigstore private key: unknown kdf name ${JSON.stringify(kdf["name"])}`);
  if (needText(cipher, "name", subject) !== "nacl/secretbox") {
    throw new Fault("input.malformed", `cannot read sigstore private key: unknown cipher name ${JSON.stringify(cipher["name"])}`);
  }
  const cost = scryptCosts.find(one => one === costs["N"]);
  if (cost === undefined || costs["r"] !== 8 || costs["p"] !== 1) throw new Fault("input.malformed", "cannot read sigstore private key: unsupported scrypt parameters");
  const nonce = fromBase64(cipher["nonce"], "nonce");
  if (nonce.length !== 24) throw new Fault("input.malformed", "cannot read sigstore private key: incorrect nonce size");
  try {
    return xsalsa20poly1305(derive(passphrase, fromBase64(kdf["salt"], "salt"), cost), nonce).decrypt(fromBase64(fields["ciphertext"], "ciphertext"));
  } catch (cause) {
    throw new Fault("input.malformed", "cannot read sigstore private key: decrypt: encrypted: decryption failed", {
      cause,
      hint: "give the passphrase the key was made with",
    });
  }
}

/** A public key to check signatures with: EC, RSA or Ed25519. @throws Fault "input.malformed" */
export function readPublicKey(pem: Uint8Array): KeyObject {
  const [block] = readPem(pem);
  if (!block) throw new Fault("input.malformed", "cannot read public key: PEM decoding failed");
  const type = block.label === "PUBLIC KEY" ? "spki" : block.label === "RSA PUBLIC KEY" ? "pkcs1" : undefined;
  if (type === undefined) throw new Fault("input.malformed", `cannot read public key: unknown Public key PEM file type: ${block.label}`);
  try {
    const key = createPublicKey({ key: Buffer.from(block.bytes), format: "der", type });
    if (["ec", "rsa", "ed25519"].includes(key.asymmetricKeyType ?? "")) return key;
  } catch (cause) {
    throw new Fault("input.malformed", "cannot read public key: malformed", { cause });
  }
  throw new Fault("input.malformed", "cannot read public key: only EC, RSA and Ed25519 keys are supported");
}
