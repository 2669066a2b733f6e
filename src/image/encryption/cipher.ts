// A layer's bytes under its own key: AES-256 in counter mode, and an HMAC-SHA256 of what comes out.
// Source: ocicrypt's AES_256_CTR_HMAC_SHA256.

import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { asRecord, findRecord, needText, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";

const cipherName = "AES_256_CTR_HMAC_SHA256";
const optionsBytesMax = 64 * 1024;
const subject: Subject = { what: "layer encryption options", code: "image.malformed" };

/** What opens a layer; goes to its recipients only under their keys. */
export interface LayerKey {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** What anyone may see. */
export interface LayerSeal {
  readonly hmac: Uint8Array;
  readonly nonce?: Uint8Array;
}

export const newLayerKey = (): LayerKey => ({ key: randomBytes(32), nonce: randomBytes(16) });

export interface Sealed {
  readonly stream: AsyncIterable<Uint8Array>;
  /** Once the stream has ended. */
  readonly hmac: () => Uint8Array;
}

export function sealed(plain: AsyncIterable<Uint8Array>, { key, nonce }: LayerKey): Sealed {
  const hmac = createHmac("sha256", key);
  const cipher = createCipheriv("aes-256-ctr", key, nonce);
  async function* stream(): AsyncIterable<Uint8Array> {
    for await (const piece of plain) {
      const out = cipher.update(piece);
      hmac.update(out);
      yield out;
    }
  }
  return { stream: stream(), hmac: () => hmac.digest() };
}

/** Nothing that comes out counts before the stream has ended well. @throws Fault "digest.mismatch" at its end */
export async function* opened(stream: AsyncIterable<Uint8Array>, { key, nonce }: LayerKey, expected: Uint8Array): AsyncIterable<Uint8Array> {
  const hmac = createHmac("sha256", key);
  const cipher = createDecipheriv("aes-256-ctr", key, nonce);
  for await (const piece of stream) {
    hmac.update(piece);
    yield cipher.update(piece);
  }
  const found = hmac.digest();
  if (found.length === expected.length && timingSafeEqual(found, expected)) return;
  throw new Fault("digest.mismatch", "could not properly decrypt byte stream: its HMAC is another one", { hint: "the layer or its annotations were changed: copy the image again" });
}

export function privateOptions({ key, nonce }: LayerKey, digest: string): Uint8Array {
  return json({ symkey: base64(key), digest, cipheroptions: { nonce: base64(nonce) } });
}

export const publicOptions = (hmac: Uint8Array): Uint8Array => json({ cipher: cipherName, hmac: base64(hmac), cipheroptions: {} });

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function bytesIn(fields: Fields, name: string, lengthWanted?: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(needText(fields, name, subject), "base64"));
  if (lengthWanted === undefined || bytes.length === lengthWanted) return bytes;
  throw new Fault("image.malformed", `cannot read ${subject.what}: "${name}" is not ${lengthWanted} bytes long`);
}

export function readPublicOptions(bytes: Uint8Array): LayerSeal {
  const fields = asRecord(parseJson(bytes, subject, optionsBytesMax), subject);
  const name = needText(fields, "cipher", subject);
  if (name !== cipherName) throw new Fault("image.unsupported", `cannot decrypt layer: unsupported cipher type: ${name.slice(0, 100)}`);
  const options = findRecord(fields, "cipheroptions", subject);
  const nonce = options?.["nonce"] === undefined ? {} : { nonce: bytesIn(options, "nonce", 16) };
  return { hmac: bytesIn(fields, "hmac", 32), ...nonce };
}

export function readPrivateOptions(bytes: Uint8Array, { nonce }: LayerSeal): LayerKey {
  const fields = asRecord(parseJson(bytes, subject, optionsBytesMax), subject);
  return {
    key: bytesIn(fields, "symkey", 32),
    nonce: nonce ?? bytesIn(asRecord(fields["cipheroptions"], subject, '"cipheroptions"'), "nonce", 16),
  };
}
