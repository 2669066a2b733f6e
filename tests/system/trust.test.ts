// Trust: sigstore and GPG signatures by policy, in registries, directories and the store; podman image trust and sign.
// Source: containers-policy.json(5), skopeo-copy(1), podman-image-trust(1), podman-image-sign(1).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { architecture, makeIndex } from "../fixtures/image.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { gpgSigners, keylessSigner, policyFile, signaturePlaces, type Signers, sigstoreFile, sigstorePayload } from "../fixtures/trust.ts";

const image = busybox({ form: "oci" });
const other = busybox({ form: "docker" });
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;
const identity = "127.0.0.1:5000/signed:1";

let registry: Registry;
let gpg: Signers;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(image, "plain");
  await registry.push(other, "other");
  gpg = gpgSigners("alice", "bob", "locked");
  mkdirSync("/etc/containers/registries.d", { recursive: true });
}, 60_000);
afterAll(async () => registry?.stop());

interface Where {
  readonly policy?: string;
  readonly registriesDir?: string;
}

const skopeo = ({ policy, registriesDir }: Where, ...words: readonly string[]) =>
  run(["skopeo", ...(policy ? ["--policy", policy] : []), ...(registriesDir ? ["--registries.d", registriesDir] : []), ...words], { env: gpg.env });
function done(where: Where, ...words: readonly string[]): string {
  const ran = skopeo(where, ...words);
  if (ran.status !== 0) throw new Error(`skopeo ${words.join(" ")}: ${ran.status}\n${ran.err}`);
  return ran.out;
}
/** Whether a copy out of the registry, or of `from`, is let in: "" or why not. */
function entry(where: Where, from: string): string {
  const ran = skopeo(where, "copy", from, `dir:${newFolder()}/d`);
  expect(ran.status).toBe(ran.err.includes("level=fatal") ? 1 : 0);
  return (/level=fatal msg=(.*)/.exec(ran.err)?.[1] ?? "").replaceAll('\\"', '"');
}

/** An image in a directory with this signature file beside it. */
function signedDirectory(signature: string | Uint8Array): string {
  const folder = `${newFolder()}/d`;
  done({}, "copy", at("plain"), `dir:${folder}`);
  writeFileSync(`${folder}/signature-1`, signature);
  return folder;
}

function ecKeys(): { readonly privatePem: string; readonly publicFile: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicFile = `${newFolder()}/key.pub`;
  writeFileSync(publicFile, publicKey.export({ format: "pem", type: "spki" }));
  return { privatePem: privateKey.export({ format: "pem", type: "pkcs8" }) as string, publicFile };
}

const signatureKey = "dev.cosignproject.cosign/signature";
const signPayload = (payload: Uint8Array, pem: string): string => sign("sha256", payload, createPrivateKey(pem)).toString("base64");

describe("sigstore", () => {
  const passphrase = (text = "a passphrase"): string => {
    const file = `${newFolder()}/passphrase`;
    writeFileSync(file, `${text}\nsecond line\n`);
    return file;
  };

  test("a new key pair is private, and never overwrites one", () => {
    const folder = newFolder();
    const words = ["generate-sigstore-key", "--output-prefix", `${folder}/k`, "--passphrase-file", passphrase()];
    expect(done({}, ...words)).toBe(`Key written to "${folder}/k.private" and "${folder}/k.pub"\n`);
    expect(statSync(`${folder}/k.private`).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${folder}/k.private`, "utf8")).toStartWith("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n");
    expect(skopeo({}, ...words).err).toContain(`Refusing to overwrite existing`);
    expect(skopeo({}, "generate-sigstore-key").err).toContain("Usage: generate-sigstore-key --output-prefix PREFIX");
  });

  test("signed with a key, by flag or parameter file, an image is let in by that key alone", () => {
    const { directory } = signaturePlaces();
    const folder = newFolder();
    for (const key of ["k", "else"]) done({}, "generate-sigstore-key", "--output-prefix", `${folder}/${key}`, "--passphrase-file", passphrase());
    const secret = passphrase();
    writeFileSync(`${folder}/params.yaml`, `privateKeyFile: ${folder}/k.private\nprivateKeyPassphraseFile: ${secret}\n`);
    const where = { registriesDir: directory };
    done(where, "copy", "--sign-by-sigstore-private-key", `${folder}/k.private`, "--sign-passphrase-file", secret, at("plain"), at("sig:1"));
    done(where, "copy", "--sign-by-sigstore", `${folder}/params.yaml`, at("plain"), at("sig:2"));
    const policy = (key: string, more: object = {}) => policyFile({ "127.0.0.1:5000/sig": [{ type: "sigstoreSigned", keyPath: `${folder}/${key}.pub`, ...more }] });
    for (const tag of ["sig:1", "sig:2"]) expect(entry({ ...where, policy: policy("k") }, at(tag))).toBe("");
    expect(entry({ ...where, policy: policy("else") }, at("sig:1"))).toContain("cryptographic signature verification failed");
    expect(entry({ ...where, policy: policy("k", { signedIdentity: { type: "exactRepository", dockerRepository: "127.0.0.1:5000/else" } }) }, at("sig:1"))).toContain("is not accepted");
    const keys = [`${folder}/else.pub`, `${folder}/k.pub`].map(file => readFileSync(file).toString("base64"));
    const either = policyFile({ "127.0.0.1:5000": [{ type: "sigstoreSigned", keyDatas: keys }] });
    expect(entry({ ...where, policy: either }, at("sig:1"))).toBe("");
    // Where attachments are not looked for there are no signatures.
    expect(entry({ registriesDir: signaturePlaces("127.0.0.1:5000", false).directory, policy: policy("k") }, at("sig:1"))).toContain("A signature was required, but no signature exists");
    const wrong = skopeo(where, "copy", "--sign-by-sigstore-private-key", `${folder}/k.private`, "--sign-passphrase-file", passphrase("wrong"), at("plain"), at("sig:3"));
    expect([wrong.status, wrong.err]).toEqual([1, expect.stringContaining("decryption failed")]);
    const off = skopeo({ registriesDir: signaturePlaces("127.0.0.1:5000", false).directory }, "copy", "--sign-by-sigstore", `${folder}/params.yaml`, at("plain"), at("sig:4"));
    expect(off.err).toContain("writing sigstore attachments is disabled by configuration");
  }, 60_000);

  test("two signers of one image both count, and signing twice the same changes nothing", async () => {
    const { directory } = signaturePlaces();
    const where = { registriesDir: directory };
    const keys = [ecKeys(), ecKeys()];
    for (const { privatePem } of [...keys, keys[0]!]) {
      const payload = sigstorePayload(image.digest, "127.0.0.1:5000/two:1");
      const folder = signedDirectory(sigstoreFile(payload, { [signatureKey]: signPayload(payload, privatePem) }));
      done(where, "copy", `dir:${folder}`, at("two:1"));
    }
    for (const { publicFile } of keys) expect(entry({ ...where, policy: policyFile({ "127.0.0.1:5000": [{ type: "sigstoreSigned", keyPath: publicFile }] }) }, at("two:1"))).toBe("");
    const tag = `sha256-${image.digest.slice(7)}.sig`;
    const reply = await registry.request(`/v2/two/manifests/${tag}`, { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } });
    expect(((await reply.json()) as { layers: unknown[] }).layers.length).toBeGreaterThanOrEqual(2);
  }, 30_000);

  test("a certificate of an authority counts while the log says so, for the one it names", () => {
    const signer = keylessSigner("me@example.com", "https://issuer.test");
    const stranger = keylessSigner("me@example.com", "https://issuer.test");
    const payload = sigstorePayload(image.digest, identity);
    const rule = { type: "exactReference", dockerReference: identity };
    const fulcio = (more: object = {}, log = signer.logKey) => policyFile({}, { default: [{
      type: "sigstoreSigned", rekorPublicKeyPath: log, signedIdentity: rule,
      fulcio: { caPath: signer.authority, oidcIssuer: "https://issuer.test", subjectEmail: "me@example.com", ...more },
    }] });
    const good = `dir:${signedDirectory(sigstoreFile(payload, signer.annotate(payload)))}`;
    expect(entry({ policy: fulcio() }, good)).toBe("");
    expect(entry({ policy: fulcio({ subjectEmail: "you@example.com" }) }, good)).toContain("not found");
    expect(entry({ policy: fulcio({ oidcIssuer: "https://else.test" }) }, good)).toContain("Unexpected Fulcio OIDC issuer");
    expect(entry({ policy: fulcio({ caPath: stranger.authority }) }, good)).toContain("unknown authority");
    expect(entry({ policy: fulcio({}, stranger.logKey) }, good)).toContain("verification of Rekor SET failed");
    const cases: [string, Record<string, string>][] = [
      ["missing dev.sigstore.cosign/bundle", { ...signer.annotate(payload), "dev.sigstore.cosign/bundle": undefined as never }],
      ["publicKey in Rekor SET does not match", { ...signer.annotate(payload), "dev.sigstore.cosign/certificate": stranger.annotate(payload)["dev.sigstore.cosign/certificate"]! }],
      ["payload in Rekor SET does not match", signer.annotate(payload, body => void (body["spec"].data.hash.value = "00".repeat(32)))],
      ["unsupported Rekor SET payload", signer.annotate(payload, body => void (body["apiVersion"] = "0.0.2"))],
    ];
    for (const [reason, annotations] of cases) {
      const clean = Object.fromEntries(Object.entries(annotations).filter(([, value]) => value !== undefined));
      expect(entry({ policy: fulcio() }, `dir:${signedDirectory(sigstoreFile(payload, clean))}`)).toContain(reason);
    }
  }, 60_000);

  test("bad signatures are refused: damaged, of another image, of another type, too many or too large", () => {
    const { privatePem, publicFile } = ecKeys();
    const rule = { type: "exactReference", dockerReference: identity };
    const policy = policyFile({}, { default: [{ type: "sigstoreSigned", keyPath: publicFile, signedIdentity: rule }] });
    const payload = sigstorePayload(image.digest, identity);
    const signed = (of: Uint8Array) => sigstoreFile(of, { [signatureKey]: signPayload(of, privatePem) });
    const altered = new TextEncoder().encode(new TextDecoder().decode(payload).replace("cosign container", "atomic container"));
    const doubled = new TextEncoder().encode(new TextDecoder().decode(payload).replace('"optional":null', '"optional":null,"optional":null'));
    expect(entry({ policy }, `dir:${signedDirectory(signed(payload))}`)).toBe("");
    const cases: [string, string | Uint8Array][] = [
      ["does not match", signed(sigstorePayload(other.digest, identity))],
      ["is not accepted", signed(sigstorePayload(image.digest, "127.0.0.1:5000/signed:2"))],
      ["verification failed", sigstoreFile(altered, { [signatureKey]: signPayload(payload, privatePem) })],
      ["Unrecognized signature type", signed(altered)],
      ["a key stands twice", signed(doubled)],
      ["is not base64", sigstoreFile(payload, { [signatureKey]: "!!" })],
      [`missing ${signatureKey}`, sigstoreFile(payload, {})],
      ["sigstore non-signature attachments", sigstoreFile(payload, { [signatureKey]: signPayload(payload, privatePem) }, "application/x-else")],
      ["not JSON", signed(payload).slice(0, -20)],
      ["missing newline", "\0sigstore-json"],
      ["unrecognized format", "\0else\n{}"],
      ["it is empty", ""],
      ["larger than", Buffer.alloc(10 * 1024 * 1024, 0x90)],
    ];
    for (const [reason, signature] of cases) expect([reason, entry({ policy }, `dir:${signedDirectory(signature)}`)]).toEqual([reason, expect.stringContaining(reason)]);
  }, 60_000);
});

describe("simple signing", () => {
  const signedBy = (who: string, more: object = {}) => [{ type: "signedBy", keyType: "GPGKeys", keyPath: gpg.publicKey(who), ...more }];

  test("signatures go from a registry into a directory, into the store and out again, unless they are to stay", () => {
    const { directory, lookaside } = signaturePlaces();
    const where = { registriesDir: directory };
    done(where, "copy", "--sign-by", gpg.address("alice"), at("plain"), at("travel:1"));
    expect(readdirSync(`${lookaside}/travel@sha256=${image.digest.slice(7)}`)).toEqual(["signature-1"]);
    writeFileSync("/etc/containers/registries.d/r.yaml", readFileSync(`${directory}/r.yaml`));
    ok("pull", "-q", "127.0.0.1:5000/travel:1");
    const kept = newFolder();
    ok("push", "-q", "127.0.0.1:5000/travel:1", `dir:${kept}/with`);
    ok("push", "-q", "--remove-signatures", "127.0.0.1:5000/travel:1", `dir:${kept}/without`);
    expect([existsSync(`${kept}/with/signature-1`), existsSync(`${kept}/without/signature-1`)]).toEqual([true, false]);
    expect(readFileSync(`${kept}/with/signature-1`)).toEqual(readFileSync(`${lookaside}/travel@sha256=${image.digest.slice(7)}/signature-1`));
    // A layout has no place for them, and what is converted is no longer what was signed.
    const refused = podman("push", "-q", "127.0.0.1:5000/travel:1", `oci:${kept}/layout`);
    expect([refused.status, refused.err]).toEqual([125, expect.stringContaining("Can not copy signatures to oci:")]);
    expect(podman("push", "-q", "--format", "v2s2", "127.0.0.1:5000/travel:1", `dir:${kept}/other`).err).toContain("cannot copy signatures of");
    ok("save", "-q", "-o", `${kept}/saved.tar`, "127.0.0.1:5000/travel:1");
    ok("rmi", "127.0.0.1:5000/travel:1");
  }, 60_000);

  test("pull, run and load are held to the machine's policy, and the store itself is trusted", () => {
    const { directory } = signaturePlaces();
    const where = { registriesDir: directory };
    writeFileSync("/etc/containers/registries.d/r.yaml", readFileSync(`${directory}/r.yaml`));
    done(where, "copy", "--sign-by", gpg.address("alice"), at("plain"), at("held:1"));
    done(where, "copy", at("plain"), at("held:2"));
    const before = readFileSync("/etc/containers/policy.json");
    const requirement = { "127.0.0.1:5000/held": signedBy("alice") };
    try {
      writeFileSync("/etc/containers/policy.json", readFileSync(policyFile(requirement)));
      ok("pull", "-q", "127.0.0.1:5000/held:1");
      expect(ok("run", "--rm", "--network=none", "127.0.0.1:5000/held:1", "echo", "let in")).toBe("let in");
      for (const words of [["pull", "-q"], ["run", "--rm"]]) {
        const refused = podman(...words, "127.0.0.1:5000/held:2");
        expect([refused.status, refused.err]).toEqual([125, expect.stringContaining("Source image rejected: Signature for identity")]);
      }
      const archive = `${newFolder()}/a.tar`;
      ok("save", "-q", "-o", archive, "127.0.0.1:5000/held:1");
      expect(podman("load", "-q", "-i", archive).err).toContain("is rejected by policy");
      // skopeo asks the policy about the store too.
      expect(skopeo({}, "copy", "containers-storage:127.0.0.1:5000/held:1", `dir:${newFolder()}/d`).err).toContain("rejected by policy");
    } finally {
      writeFileSync("/etc/containers/policy.json", before);
      podman("rmi", "-f", "127.0.0.1:5000/held:1");
    }
  }, 60_000);

  test("podman push --sign-by and podman image sign make signatures that count, a wrong passphrase none", () => {
    const { directory, lookaside } = signaturePlaces();
    writeFileSync("/etc/containers/registries.d/r.yaml", readFileSync(`${directory}/r.yaml`));
    const withKeys = (...words: string[]) => run(["podman", ...words], { env: gpg.env });
    ok("pull", "-q", "127.0.0.1:5000/plain");
    expect(withKeys("push", "-q", "--sign-by", gpg.address("alice"), "127.0.0.1:5000/plain", at("pushed:1")).status).toBe(0);
    const policy = policyFile({ "127.0.0.1:5000": signedBy("alice") });
    expect(entry({ registriesDir: directory, policy }, at("pushed:1"))).toBe("");
    done({ registriesDir: directory }, "copy", at("plain"), at("later:1"));
    expect(withKeys("image", "sign", "--sign-by", gpg.address("alice"), at("later:1")).status).toBe(0);
    expect(entry({ registriesDir: directory, policy }, at("later:1"))).toBe("");
    const aside = newFolder();
    expect(withKeys("image", "sign", "--sign-by", gpg.address("alice"), "-d", aside, at("later:1")).status).toBe(0);
    expect(readdirSync(`${aside}/later@sha256=${image.digest.slice(7)}`)).toEqual(["signature-1"]);
    writeFileSync(`${aside}/wrong`, "wrong\n");
    writeFileSync(`${aside}/right`, "secret\n");
    run(["gpgconf", "--kill", "gpg-agent"], { env: gpg.env });
    const wrong = withKeys("push", "-q", "--sign-by", gpg.address("locked"), "--sign-passphrase-file", `${aside}/wrong`, "127.0.0.1:5000/plain", at("locked:1"));
    expect([wrong.status, wrong.err]).toEqual([125, expect.stringContaining("Bad passphrase")]);
    expect(existsSync(`${lookaside}/locked@sha256=${image.digest.slice(7)}`)).toBe(false);
    run(["gpgconf", "--kill", "gpg-agent"], { env: gpg.env });
    expect(withKeys("push", "-q", "--sign-by", gpg.address("locked"), "--sign-passphrase-file", `${aside}/right`, "127.0.0.1:5000/plain", at("locked:1")).status).toBe(0);
    expect(podman("image", "sign", "x").err).toContain("no identity provided");
    expect(withKeys("image", "sign", "--sign-by", "a", "x").err).toContain("parsing image name");
    expect(withKeys("image", "sign", "--sign-by", gpg.address("alice"), "--all", at("later:1")).err).toContain("is not a multi-architecture image");
    ok("rmi", "127.0.0.1:5000/plain");
  }, 60_000);

  test("one of several keys is enough, several requirements need several, and a name can be given to sign under", () => {
    const { directory } = signaturePlaces();
    const where = { registriesDir: directory };
    const both = [gpg.publicKey("alice"), gpg.publicKey("bob")];
    const keyData = readFileSync(both[0]!).toString("base64");
    const named = { signedIdentity: { type: "exactReference", dockerReference: "release.test/app:1" } };
    done(where, "copy", "--sign-by", gpg.address("alice"), "--sign-identity", "release.test/app:1", at("plain"), at("keys:1"));
    const policyOf = (...requirements: object[]) => policyFile({ "127.0.0.1:5000": requirements.map(one => ({ type: "signedBy", keyType: "GPGKeys", ...named, ...one })) });
    expect(entry({ ...where, policy: policyOf({ keyPaths: both }) }, at("keys:1"))).toBe("");
    expect(entry({ ...where, policy: policyOf({ keyData }) }, at("keys:1"))).toBe("");
    expect(entry({ ...where, policy: policyOf({ keyData, signedIdentity: { type: "matchRepository" } }) }, at("keys:1"))).toContain("is not accepted");
    const twice = policyOf({ keyPath: both[0] }, { keyPath: both[1] });
    expect(entry({ ...where, policy: twice }, at("keys:1"))).toContain("Invalid GPG signature");
    done(where, "copy", "--sign-by", gpg.address("bob"), "--sign-identity", "release.test/app:1", at("plain"), at("keys:1"));
    expect(entry({ ...where, policy: twice }, at("keys:1"))).toBe("");
    expect(entry({ ...where, policy: policyOf({ keyPath: "/none.gpg" }) }, at("keys:1"))).toContain("cannot read public key");
    const unchecked = policyFile({ "127.0.0.1:5000": [{ type: "signedBy", keyType: "X509Certificates", keyPath: both[0] }] });
    expect(entry({ ...where, policy: unchecked }, at("keys:1"))).toContain('Unimplemented "keyType" value');
    expect(skopeo(where, "copy", "--sign-by", gpg.address("alice"), "--sign-identity", "release.test/app", at("plain"), at("keys:2")).err).toContain("fully specified reference");
    expect(skopeo(where, "copy", "--sign-by", gpg.address("nobody"), at("plain"), at("keys:2")).err).toContain("cannot sign with key");
    expect(skopeo(where, "copy", "--sign-by", gpg.address("alice"), at("plain"), `oci:${newFolder()}/l`).err).toContain("Cannot determine canonical Docker reference for destination");
  }, 60_000);

  test("members of an index are signed and judged each, and the index with them", async () => {
    const { directory } = signaturePlaces();
    const where = { registriesDir: directory };
    const foreign = busybox({ form: "oci", architecture: "s390x" });
    const index = makeIndex([{ image, architecture }, { image: foreign, architecture: "s390x" }]);
    for (const one of [image, foreign]) await registry.push(one, "many", one.digest);
    await registry.push(index, "many", "1");
    done(where, "copy", "--all", "--sign-by", gpg.address("alice"), at("many:1"), at("manysigned:1"));
    const policy = policyFile({ "127.0.0.1:5000": signedBy("alice") });
    expect(entry({ ...where, policy }, at("manysigned:1"))).toBe("");
    const kept = `${newFolder()}/d`;
    done({ ...where, policy }, "copy", "--all", at("manysigned:1"), `dir:${kept}`);
    expect(readdirSync(kept).filter(name => name.includes("signature")).sort()).toEqual([
      `${image.digest.slice(7)}.signature-1`, `${foreign.digest.slice(7)}.signature-1`, "signature-1",
    ].sort());
    expect(skopeo({ ...where, policy }, "copy", "--all", at("many:1"), `dir:${newFolder()}/d`).err).toContain("A signature was required");
  }, 60_000);

  test("a signature that came later reaches what was synced before", () => {
    const { directory } = signaturePlaces();
    const where = { registriesDir: directory };
    done(where, "copy", at("plain"), at("synced:1"));
    const folder = newFolder();
    const sync = () => done(where, "sync", "--src", "docker", "--dest", "dir", "127.0.0.1:5000/synced:1", folder);
    sync();
    expect(existsSync(`${folder}/synced:1/signature-1`)).toBe(false);
    done(where, "copy", "--sign-by", gpg.address("alice"), at("plain"), at("synced:1"));
    sync();
    expect(existsSync(`${folder}/synced:1/signature-1`)).toBe(true);
  }, 30_000);

  test("truncated messages, links and expired keys do not count", () => {
    const { directory, lookaside } = signaturePlaces();
    const where = { registriesDir: directory, policy: policyFile({ "127.0.0.1:5000": signedBy("alice", { signedIdentity: { type: "matchRepository" } }) }) };
    done({ registriesDir: directory }, "copy", "--sign-by", gpg.address("alice"), at("plain"), at("bad:1"));
    const file = `${lookaside}/bad@sha256=${image.digest.slice(7)}/signature-1`;
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length - 30));
    expect(entry(where, at("bad:1"))).toContain("Invalid GPG signature");
    writeFileSync(file, whole);
    expect(entry(where, at("bad:1"))).toBe("");
    mustRun(["mv", file, `${lookaside}/elsewhere`]);
    symlinkSync(`${lookaside}/elsewhere`, file);
    expect(entry(where, at("bad:1"))).toContain("it is a symbolic link");
    const refused = skopeo({ registriesDir: directory }, "copy", "--remove-signatures", "--sign-by", gpg.address("bob"), at("plain"), at("bad:1"));
    expect([refused.status, readFileSync(`${lookaside}/elsewhere`)]).toEqual([1, whole]);
    const folder = signedDirectory(expiredSignature());
    const policy = policyFile({}, { default: [{ type: "signedBy", keyType: "GPGKeys", keyPath: `${gpg.folder}/old.gpg`, signedIdentity: { type: "exactReference", dockerReference: identity } }] });
    expect(entry({ policy }, `dir:${folder}`)).toContain("the key has expired");
  }, 60_000);

  /** By a key that was good for a day in 2020. */
  function expiredSignature(): Uint8Array {
    const env = { GNUPGHOME: `${newFolder()}/home` };
    mkdirSync(env.GNUPGHOME, { mode: 0o700 });
    const then = ["--faked-system-time", "20200101T000000!"];
    mustRun(["gpg", "--batch", ...then, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", "old@example.com", "rsa2048", "default", "1d"], { env });
    mustRun(["gpg", "--batch", "--output", `${gpg.folder}/old.gpg`, "--export", "old@example.com"], { env });
    const payload = new TextDecoder().decode(sigstorePayload(image.digest, identity)).replace("cosign container image", "atomic container");
    const file = `${newFolder()}/payload`;
    writeFileSync(file, payload.replace('"optional":null', '"optional":{}'));
    mustRun(["gpg", "--batch", ...then, "--local-user", "old@example.com", "--output", `${file}.sig`, "--sign", file], { env });
    return readFileSync(`${file}.sig`);
  }
});

describe("podman image trust", () => {
  test("what is set is shown, as a table, as JSON and raw, and what it does not know stays", () => {
    const file = `${newFolder()}/policy.json`;
    const set = (...words: string[]) => podman("image", "trust", "set", "--policypath", file, ...words);
    expect(set("--type", "bogus", "default").err).toBe("Error: invalid choice: bogus (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')\n");
    expect(set("--type", "accept", "quay.io").err).toContain("default trust policy must be set");
    expect(set("--type", "reject", "default").status).toBe(0);
    expect(set("--type", "accept", "docker.io").status).toBe(0);
    expect(set("--type", "sigstoreSigned", "-f", "/k1.pub", "-f", "/k2.pub", "quay.io/sig").status).toBe(0);
    expect(set("-f", gpg.publicKey("alice"), "quay.io/signed").status).toBe(0);
    expect(set("quay.io/signed").err).toContain("at least one public key must be defined for type 'signedBy'");
    expect(set("-t", "accept", "-f", "/k", "quay.io/x").err).toContain("1 public keys unexpectedly provided for trust type accept");
    const registries = newFolder();
    writeFileSync(`${registries}/r.yaml`, "docker:\n  quay.io:\n    lookaside: https://signatures.test\ndefault-docker:\n  lookaside: file:///all\n");
    const show = (...words: string[]) => ok("image", "trust", "show", "--policypath", file, "--registrypath", registries, ...words);
    expect(show().split("\n").map(line => line.trimEnd())).toEqual([
      "TRANSPORT   NAME            TYPE            ID                 STORE",
      "all         default         reject                             file:///all",
      "repository  docker.io       accept                             file:///all",
      "repository  quay.io/sig     sigstoreSigned  N/A                https://signatures.test",
      "repository  quay.io/sig     sigstoreSigned  N/A                https://signatures.test",
      "repository  quay.io/signed  signed          alice@example.com  https://signatures.test",
    ]);
    expect(JSON.parse(show("--json")).at(-1)).toEqual({
      transport: "repository", name: "quay.io/signed", repo_name: "quay.io/signed", sigstore: "https://signatures.test", type: "signed", gpg_id: "alice@example.com",
    });
    expect(show("--raw")).toBe(readFileSync(file, "utf8"));
    expect(show("-n")).not.toContain("TRANSPORT");
    const policy = JSON.parse(readFileSync(file, "utf8"));
    policy.transports.dir = { "/x": [{ type: "later", more: [1] }] };
    writeFileSync(file, JSON.stringify(policy));
    expect(set("-t", "accept", "quay.io/new").status).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8")).transports.dir).toEqual({ "/x": [{ type: "later", more: [1] }] });
    writeFileSync(file, "{");
    expect(set("-t", "accept", "quay.io/new").err).toContain("could not read trust policies");
    expect(readFileSync(file, "utf8")).toBe("{");
    expect(podman("image", "trust", "show", "--policypath", "/none").err).toContain("open /none: no such file or directory");
  });

  test("a policy that podman set is the one that is kept to", () => {
    const policy = `${newFolder()}/policy.json`;
    ok("image", "trust", "set", "--policypath", policy, "--type", "reject", "default");
    ok("image", "trust", "set", "--policypath", policy, "--type", "accept", "127.0.0.1:5000/plain");
    expect(entry({ policy }, at("plain"))).toBe("");
    expect(entry({ policy }, at("other"))).toContain("rejected by policy");
  });
});

test("a policy that cannot be understood lets nothing in, and says where it is wrong", () => {
  const cases: [string, object | string][] = [
    ['transports.docker["quay.io"][0]: unknown key "colour"', { default: [{ type: "reject" }], transports: { docker: { "quay.io": [{ type: "reject", colour: 1 }] } } }],
    ["default[0].type: unknown policy requirement type", { default: [{ type: "maybe" }] }],
    ["default[0].keyType: unrecognized keyType value", { default: [{ type: "signedBy", keyType: "x", keyPath: "/k" }] }],
    ["must be specified, none of them present", { default: [{ type: "signedBy", keyType: "GPGKeys" }] }],
    ["more than one present", { default: [{ type: "signedBy", keyType: "GPGKeys", keyPath: "/a", keyData: "QQ==" }] }],
    ["default[0].signedIdentity.type: unknown policy reference match type", { default: [{ type: "sigstoreSigned", keyPath: "/k", signedIdentity: { type: "near" } }] }],
    ["stands twice", '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}'],
    ["must be an absolute path", { default: [{ type: "reject" }], transports: { dir: { relative: [{ type: "reject" }] } } }],
    ["must be specified if fulcio is used", { default: [{ type: "sigstoreSigned", fulcio: { caPath: "/c", oidcIssuer: "i", subjectEmail: "e" } }] }],
    ["list of verification policy requirements must not be empty", { default: [{ type: "reject" }], transports: { docker: { "": [] } } }],
  ];
  for (const [reason, content] of cases) {
    const policy = `${newFolder()}/policy.json`;
    writeFileSync(policy, typeof content === "string" ? content : JSON.stringify(content));
    const said = entry({ policy }, at("plain"));
    expect([said, said.includes(reason), said.includes(policy)]).toEqual([said, true, true]);
  }
});
