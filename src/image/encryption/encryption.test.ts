// Layer keys for their recipients: what is made opens with the right key alone, and damaged messages are refused by a fault.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { newLayerKey, opened, privateOptions, publicOptions, readPrivateOptions, readPublicOptions, sealed } from "./cipher.ts";
import { decryptJwe, encryptJwe } from "./jwe.ts";
import { decryptPkcs7 } from "./pkcs7.ts";

const plain = new TextEncoder().encode('{"symkey":"a key"}');
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const curves = ["P-256", "P-384", "P-521"].map(namedCurve => generateKeyPairSync("ec", { namedCurve }));
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });

const kinds: [name: string, pair: { publicKey: KeyObject; privateKey: KeyObject }, algorithm?: string][] = [
  ["RSA-OAEP", rsa], ["RSA-OAEP-256", rsa, "RSA-OAEP-256"],
  ["ECDH-ES+A128KW", curves[0]!, "ECDH-ES+A128KW"], ["ECDH-ES+A192KW", curves[1]!, "ECDH-ES+A192KW"], ["ECDH-ES+A256KW", curves[2]!],
];
for (const [name, { publicKey, privateKey }, algorithm] of kinds) {
  test(`${name} opens with its own key and no other`, () => {
    const message = encryptJwe(plain, [{ key: publicKey, ...(algorithm ? { algorithm } : {}) }]);
    expect(decryptJwe(message, [other.privateKey, privateKey])).toEqual(Buffer.from(plain));
    expect(decryptJwe(message, [other.privateKey, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey])).toBeUndefined();
  });
}

test("several recipients each open the same", () => {
  const message = encryptJwe(plain, [{ key: rsa.publicKey }, ...curves.map(({ publicKey }) => ({ key: publicKey }))]);
  for (const { privateKey } of [rsa, ...curves]) expect(decryptJwe(message, [privateKey])).toEqual(Buffer.from(plain));
});

test("an algorithm that does not go with the key is refused", () => {
  expect(() => encryptJwe(plain, [{ key: rsa.publicKey, algorithm: "ECDH-ES+A256KW" }])).toThrow(expect.objectContaining({ code: "usage.invalid" }));
});

test("no changed message opens to anything else", () => {
  const message = encryptJwe(plain, [{ key: curves[0]!.publicKey }]);
  fc.assert(fc.property(fc.nat(message.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const changed = message.slice();
    changed[at]! ^= flip;
    try {
      const found = decryptJwe(changed, [curves[0]!.privateKey]);
      // Unused bits at the end of base64 may differ without a difference.
      if (found !== undefined) expect(found).toEqual(Buffer.from(plain));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
  }), { numRuns: 200 });
});

test("random envelopes are refused by a fault or not opened", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), data => {
    for (const read of [() => decryptPkcs7(data, { keys: [rsa.privateKey], certificates: [] }), () => decryptJwe(data, [rsa.privateKey]), () => readPublicOptions(data)]) {
      try {
        expect(read()).toBeUndefined();
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
      }
    }
  }), { numRuns: 500 });
});

async function* inPieces(bytes: Uint8Array, length: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function whole(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part.slice());
  return Buffer.concat(parts);
}

test("a layer is the same after being sealed and opened, however it is cut, and one changed byte is found at the end", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 700 }), async (data, length) => {
    const key = newLayerKey();
    const out = sealed(inPieces(data, length), key);
    const bytes = await whole(out.stream);
    const seal = readPublicOptions(publicOptions(out.hmac()));
    const kept = readPrivateOptions(privateOptions(key, "sha256:x"), seal);
    expect(await whole(opened(inPieces(bytes, length + 3), kept, seal.hmac))).toEqual(Buffer.from(data));
    if (bytes.length === 0) return;
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await expect(whole(opened(inPieces(bytes, length), kept, seal.hmac))).rejects.toThrow(expect.objectContaining({ code: "digest.mismatch" }));
  }), { numRuns: 50 });
});
