// Signatures and policies as data: which names a rule accepts, and that no bytes from outside do anything but be read or be refused.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { generateKeyPairSync } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { findDoubledKey } from "../../base/json-keys.ts";
import { enforcePolicy, parsePolicy } from "../policy.ts";
import { policyScopes } from "../policy-scopes.ts";
import { parseReference } from "../reference.ts";
import { readCertificates } from "./certificate.ts";
import { asPlace } from "./decode.ts";
import { derItems, derOid, oidText, readDer } from "./der.ts";
import { readSignature, signatureBytes } from "./form.ts";
import { acceptsIdentity, readIdentityRule } from "./identity.ts";
import { makeSigstoreKey, openSigstoreKey, readPublicKey } from "./sigstore-key.ts";
import { signSigstore, verifySigstore } from "./sigstore.ts";
import { readStatement } from "./statement.ts";

const digest = `sha256:${"ab".repeat(32)}` as const;
const rule = (fields: object) => readIdentityRule(asPlace(fields, { about: { what: "policy", code: "config.invalid" }, path: "" }));

const identities: [type: object, signed: string, asked: string, accepted: boolean][] = [
  [{ type: "matchExact" }, "quay.io/a/b:1", "quay.io/a/b:1", true],
  [{ type: "matchExact" }, "quay.io/a/b:2", "quay.io/a/b:1", false],
  [{ type: "matchExact" }, "quay.io/a/b", "quay.io/a/b:1", false],
  [{ type: "matchExact" }, "quay.io/a/b:1", `quay.io/a/b@${digest}`, false],
  [{ type: "matchExact" }, `quay.io/a/b@${digest}`, `quay.io/a/b@${digest}`, true],
  [{ type: "matchExact" }, "busybox:1", "docker.io/library/busybox:1", true],
  [{ type: "matchRepoDigestOrExact" }, "quay.io/a/b:1", "quay.io/a/b:1", true],
  [{ type: "matchRepoDigestOrExact" }, "quay.io/a/b:1", `quay.io/a/b@${digest}`, true],
  [{ type: "matchRepoDigestOrExact" }, "quay.io/a/b", `quay.io/a/b@${digest}`, false],
  [{ type: "matchRepoDigestOrExact" }, "quay.io/a/c:1", `quay.io/a/b@${digest}`, false],
  [{ type: "matchRepoDigestOrExact" }, "quay.io/a/b:1", `quay.io/a/b:2@${digest}`, false],
  [{ type: "matchRepository" }, "quay.io/a/b:1", "quay.io/a/b:2", true],
  [{ type: "matchRepository" }, "quay.io/a/b", "quay.io/a/b:2", true],
  [{ type: "matchRepository" }, "quay.io/a/bb:1", "quay.io/a/b:1", false],
  [{ type: "exactReference", dockerReference: "quay.io/a/b:1" }, "quay.io/a/b:1", "else.test/x:9", true],
  [{ type: "exactReference", dockerReference: "quay.io/a/b:1" }, "quay.io/a/b:2", "quay.io/a/b:2", false],
  [{ type: "exactRepository", dockerRepository: "quay.io/a/b" }, "quay.io/a/b:7", "else.test/x:9", true],
  [{ type: "exactRepository", dockerRepository: "quay.io/a/b" }, "quay.io/a/c:7", "quay.io/a/c:7", false],
  [{ type: "remapIdentity", prefix: "mirror.test/m", signedPrefix: "quay.io" }, "quay.io/a/b:1", "mirror.test/m/a/b:1", true],
  [{ type: "remapIdentity", prefix: "mirror.test/m", signedPrefix: "quay.io" }, "quay.io/a/b:2", "mirror.test/m/a/b:1", false],
  [{ type: "remapIdentity", prefix: "mirror.test/m", signedPrefix: "quay.io" }, "quay.io/m2/b:1", "mirror.test/m2/b:1", false],
  [{ type: "remapIdentity", prefix: "mirror.test/m", signedPrefix: "quay.io" }, "mirror.test/m2/b:1", "mirror.test/m2/b:1", true],
  [{ type: "remapIdentity", prefix: "mirror.test:5000", signedPrefix: "quay.io" }, "quay.io/b:1", "mirror.test:5000/b:1", true],
  [{ type: "matchExact" }, "NOT A NAME", "quay.io/a/b:1", false],
];
for (const [fields, signed, asked, accepted] of identities) {
  test(`${JSON.stringify(fields)} ${accepted ? "accepts" : "refuses"} ${signed} for ${asked}`, () => {
    expect(acceptsIdentity(rule(fields), signed, parseReference(asked))).toBe(accepted);
  });
}

test("an image without a name meets only rules that give the name themselves", () => {
  expect(acceptsIdentity(rule({ type: "matchRepository" }), "quay.io/a:1", undefined)).toBe(false);
  expect(acceptsIdentity(rule({ type: "exactRepository", dockerRepository: "quay.io/a" }), "quay.io/a:1", undefined)).toBe(true);
});

for (const fields of [{}, { type: "near" }, { type: "matchExact", more: 1 }, { type: "exactReference" }, { type: "exactReference", dockerReference: "quay.io/a" },
  { type: "exactRepository", dockerRepository: "A B" }, { type: "remapIdentity", prefix: "a", signedPrefix: "" }, { type: "remapIdentity", prefix: "a//b", signedPrefix: "b" }]) {
  test(`the identity rule ${JSON.stringify(fields)} is refused`, () => {
    expect(() => rule(fields)).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });
}

const scopeCases: [object, string[]][] = [
  [{ transport: "docker", reference: parseReference("a.b.test:5000/x/y:1") },
    ["a.b.test:5000/x/y:1", "a.b.test:5000/x/y", "a.b.test:5000/x", "a.b.test:5000", "*.b.test", "*.test"]],
  [{ transport: "dir", path: "/nonexistent/a/b" }, ["/nonexistent/a/b", "/nonexistent/a", "/nonexistent"]],
  [{ transport: "dir", path: "/nonexistent/a/../b" }, ["/nonexistent/b", "/nonexistent"]],
  [{ transport: "oci", path: "/nonexistent/l", image: "tag" }, ["/nonexistent/l:tag", "/nonexistent/l", "/nonexistent"]],
  [{ transport: "docker-archive", path: "/nonexistent/a.tar" }, []],
  [{ transport: "containers-storage", storeRoot: "/s", reference: parseReference("quay.io/a:1") },
    ["[overlay@/s]quay.io/a:1", "[overlay@/s]quay.io/a", "[overlay@/s]quay.io", "[overlay@/s]", "[/s]"]],
];
for (const [subject, scopes] of scopeCases) {
  test(`scopes of ${JSON.stringify(subject)}`, () => expect(policyScopes(subject as never).scopes).toEqual(scopes));
}

/** Reads, or refuses by a fault of ours; anything else is a bug. */
function readsOrRefuses(read: () => unknown): void {
  try {
    read();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
}

test("no JSON makes the policy reader fail in another way than by a fault, and none without a default is taken", () => {
  const words = fc.constantFrom("default", "transports", "docker", "type", "reject", "signedBy", "sigstoreSigned", "keyPath", "keyData", "keyType", "GPGKeys", "fulcio", "signedIdentity", "matchExact", "", "__proto__");
  const json = fc.letrec(tie => ({
    value: fc.oneof({ maxDepth: 5 }, words, fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie("value"), { maxLength: 3 }), fc.dictionary(words, tie("value"), { maxKeys: 4 })),
  })).value;
  fc.assert(fc.property(json, value => {
    readsOrRefuses(() => {
      const policy = parsePolicy(JSON.stringify(value), "/p");
      expect(policy.default.length).toBeGreaterThan(0);
      readsOrRefuses(() => enforcePolicy(policy, { transport: "docker", reference: parseReference("a.test/b:1") }));
    });
  }), { numRuns: 2000 });
});

test("a requirement of another name or with another key is never read as one that is met", () => {
  const known = ["insecureAcceptAnything", "reject", "signedBy", "sigstoreSigned", "signedBaseLayer"];
  fc.assert(fc.property(fc.string().filter(text => !known.includes(text)), text => {
    expect(() => parsePolicy(JSON.stringify({ default: [{ type: text }] }), "/p")).toThrow(Fault);
    expect(() => parsePolicy(JSON.stringify({ default: [{ type: "insecureAcceptAnything", [`x${text}`]: 1 }] }), "/p")).toThrow(Fault);
  }));
});

test("random and damaged signatures, certificates and DER are read or refused, and never end the program", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(fc.property(bytes, data => {
    readsOrRefuses(() => readSignature(data));
    readsOrRefuses(() => readSignature(Buffer.concat([Buffer.from("\0sigstore-json\n"), data])));
    readsOrRefuses(() => readStatement(data, "x"));
    readsOrRefuses(() => derItems(readDer(data).value.content).map(oidText));
    readsOrRefuses(() => readCertificates(`-----BEGIN CERTIFICATE-----\n${Buffer.from(data).toString("base64")}\n-----END CERTIFICATE-----\n`));
    readsOrRefuses(() => readPublicKey(data));
    readsOrRefuses(() => openSigstoreKey(data, ""));
  }), { numRuns: 1000 });
});

test("a sigstore signature survives being kept, and no changed byte of its payload passes", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const made = signSigstore({ digest, identity: "quay.io/a:1" }, privateKey);
  const kept = readSignature(signatureBytes(made));
  expect(kept).toEqual(made);
  expect(verifySigstore(made, [publicKey])).toEqual({ digest, identity: "quay.io/a:1" });
  fc.assert(fc.property(fc.nat(made.payload.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const payload = made.payload.slice();
    payload[at]! ^= flip;
    expect(() => verifySigstore({ ...made, payload }, [publicKey])).toThrow(expect.objectContaining({ code: "policy.rejected" }));
  }), { numRuns: 50 });
});

test("other kinds of keys sign too", () => {
  for (const { privateKey, publicKey } of [generateKeyPairSync("ed25519"), generateKeyPairSync("rsa", { modulusLength: 2048 })]) {
    expect(verifySigstore(signSigstore({ digest, identity: "quay.io/a:1" }, privateKey), [publicKey]).digest).toBe(digest);
  }
});

test("a key pair opens with its passphrase alone, an empty one included, and costly parameters are refused", () => {
  for (const passphrase of ["", "pässword"]) {
    const pair = makeSigstoreKey(passphrase);
    const key = openSigstoreKey(new TextEncoder().encode(pair.privatePem), passphrase);
    expect(verifySigstore(signSigstore({ digest, identity: "a.test/b:1" }, key), [readPublicKey(new TextEncoder().encode(pair.publicPem))]).digest).toBe(digest);
    expect(() => openSigstoreKey(new TextEncoder().encode(pair.privatePem), `${passphrase}x`)).toThrow("decryption failed");
    const body = Buffer.from(pair.privatePem.replace(/-----.*-----/g, ""), "base64").toString().replace('"N":65536', '"N":1073741824');
    const costly = `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n${Buffer.from(body).toString("base64")}\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n`;
    expect(() => openSigstoreKey(new TextEncoder().encode(costly), passphrase)).toThrow("unsupported scrypt parameters");
  }
});

test("object identifiers are written as they are read", () => {
  for (const id of ["1.3.6.1.4.1.57264.1.8", "2.5.29.17", "1.2.840.113549.1.7.3", "2.16.840.1.101.3.4.1.46"]) expect(oidText(readDer(derOid(id)).value)).toBe(id);
});

test("doubled keys are found at any depth, and only where they are in one object", () => {
  expect(findDoubledKey('{"a":1,"b":{"a":[{"a":1},{"a":2}]}}')).toBeUndefined();
  expect(findDoubledKey('{"a":{"b":1,"c":[{"x":1,"\\u0078":2}]}}')).toBe("x");
  expect(findDoubledKey('{"a":"{\\"b\\":1,\\"b\\":2}"}')).toBeUndefined();
});
