// Signatures and encryption by us and by the original skopeo and podman: what one makes the other must take, and refuse alike.
// Runs where PEER_ROOT names a root with the originals; elsewhere there is nothing to compare with.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, run } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder, top } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { gpgSigners, keylessSigner, policyFile, signaturePlaces, sigstoreFile, sigstorePayload } from "../fixtures/trust.ts";

const oursAt = join(top, "out", "bin", "skopeo");
const theirsAt = "/usr/bin/skopeo";
/** Debian 12's and 13's lack some of what is compared. */
const isNewEnough = (): boolean => Number(/version 1\.(\d+)/.exec(run([theirsAt, "--version"]).out)?.[1] ?? 0) >= 20;
const isThere = existsSync(theirsAt) && existsSync("/usr/bin/gpg") && isNewEnough();
const programs = [["ours", oursAt], ["theirs", theirsAt]] as const;
const pairs = [["ours", oursAt, theirsAt], ["theirs", theirsAt, oursAt]] as const;
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;
const image = busybox({ form: "oci" });

describe.skipIf(!isThere)("beside the originals", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
    await registry.push(image, "plain");
  }, 60_000);
  afterAll(async () => registry?.stop());

  for (const [who, signer, verifier] of pairs) {
    test(`a sigstore signature by ${who} is accepted by the other, and a wrong name or key refused by both`, () => {
      const { directory } = signaturePlaces();
      const folder = newFolder();
      writeFileSync(`${folder}/pass`, "a passphrase\n");
      for (const key of ["k", "other"]) mustRun([signer, "generate-sigstore-key", "--output-prefix", `${folder}/${key}`, "--passphrase-file", `${folder}/pass`]);
      const sign = (program: string, name: string) => mustRun([program, "--registries.d", directory, "copy", "--dest-tls-verify=false", "--src-tls-verify=false",
        "--sign-by-sigstore-private-key", `${folder}/k.private`, "--sign-passphrase-file", `${folder}/pass`, at("plain"), at(name)]);
      sign(signer, `sig-${who}:1`);
      // The other must be able to use the key too, and to add to what is there.
      sign(verifier, `sig-${who}:2`);
      const policyOf = (key: string) => policyFile({ "127.0.0.1:5000": [{ type: "sigstoreSigned", keyPath: `${folder}/${key}.pub` }] });
      for (const [, program] of programs) {
        const pull = (name: string, key = "k") => run([program, "--registries.d", directory, "--policy", policyOf(key), "copy", "--src-tls-verify=false", at(name), `dir:${newFolder()}/d`]);
        for (const tag of ["1", "2"]) expect([pull(`sig-${who}:${tag}`).err, pull(`sig-${who}:${tag}`).status]).toEqual([expect.any(String), 0]);
        expect(pull(`sig-${who}:1`, "other").err).toContain("cryptographic signature verification failed");
        expect(pull("plain").err).toContain("A signature was required, but no signature exists");
      }
    }, 60_000);

    test(`a simple signature by ${who} is accepted by the other, kept in a directory and sent on`, () => {
      const { directory } = signaturePlaces();
      const keys = gpgSigners("alice", "bob");
      mustRun([signer, "--registries.d", directory, "copy", "--dest-tls-verify=false", "--src-tls-verify=false", "--sign-by", keys.address("alice"),
        at("plain"), at(`gpg-${who}:1`)], { env: keys.env });
      const policyOf = (key: string) => policyFile({ "127.0.0.1:5000": [{ type: "signedBy", keyType: "GPGKeys", keyPath: keys.publicKey(key) }] });
      const kept = `${newFolder()}/d`;
      mustRun([verifier, "--registries.d", directory, "--policy", policyOf("alice"), "copy", "--src-tls-verify=false", at(`gpg-${who}:1`), `dir:${kept}`]);
      expect(existsSync(`${kept}/signature-1`)).toBe(true);
      for (const [, program] of programs) {
        const refused = run([program, "--registries.d", directory, "--policy", policyOf("bob"), "copy", "--src-tls-verify=false", at(`gpg-${who}:1`), `dir:${newFolder()}/d`]);
        expect([refused.status, refused.err]).toEqual([1, expect.stringContaining("Source image rejected: ")]);
      }
    }, 60_000);
  }

  test("certificates and logs are judged alike", () => {
    const signer = keylessSigner("me@example.com", "https://issuer.test");
    const other = keylessSigner("me@example.com", "https://issuer.test");
    const folder = newFolder();
    const identity = "127.0.0.1:5000/keyless:1";
    const { directory } = signaturePlaces();
    const payload = sigstorePayload(image.digest, identity);
    const put = (name: string, annotations: Record<string, string>, signed = payload): string => {
      mustRun([oursAt, "copy", at("plain"), `dir:${folder}/${name}`]);
      writeFileSync(`${folder}/${name}/signature-1`, sigstoreFile(signed, annotations));
      mustRun([oursAt, "--registries.d", directory, "copy", `dir:${folder}/${name}`, at(`keyless-${name}:1`)]);
      return `keyless-${name}:1`;
    };
    const good = put("good", signer.annotate(payload));
    const unlogged = put("unlogged", { ...signer.annotate(payload), "dev.sigstore.cosign/bundle": other.annotate(payload)["dev.sigstore.cosign/bundle"]! });
    const foreign = put("foreign", other.annotate(payload));
    const twisted = put("twisted", signer.annotate(payload, body => void (body["spec"].data.hash.value = "00".repeat(32))));
    const fulcio = (more: object = {}, log = signer.logKey) => policyFile({ "127.0.0.1:5000": [{
      type: "sigstoreSigned",
      fulcio: { caPath: signer.authority, oidcIssuer: "https://issuer.test", subjectEmail: "me@example.com", ...more },
      rekorPublicKeyPath: log,
      signedIdentity: { type: "exactReference", dockerReference: identity },
    }] });
    const pki = (more: object) => policyFile({ "127.0.0.1:5000": [{
      type: "sigstoreSigned", pki: { caRootsPath: signer.authority, ...more }, signedIdentity: { type: "exactReference", dockerReference: identity },
    }] });
    const cases: [string, string, number][] = [
      [good, fulcio(), 0],
      [good, fulcio({ subjectEmail: "you@example.com" }), 1],
      [good, fulcio({ oidcIssuer: "https://else.test" }), 1],
      [good, fulcio({ caPath: other.authority }), 1],
      [good, fulcio({}, other.logKey), 1],
      [unlogged, fulcio(), 1],
      [foreign, fulcio(), 1],
      [twisted, fulcio(), 1],
      [good, pki({ subjectEmail: "me@example.com" }), 0],
      [good, pki({ subjectEmail: "you@example.com" }), 1],
      [good, pki({ subjectHostname: "example.com" }), 1],
      [foreign, pki({ subjectEmail: "me@example.com" }), 1],
    ];
    for (const [name, policy, status] of cases) {
      const said = programs.map(([who, program]) => {
        const ran = run([program, "--registries.d", directory, "--policy", policy, "copy", "--src-tls-verify=false", at(name), `dir:${newFolder()}/d`]);
        return `${who} ${ran.status}${ran.status === status ? "" : ran.err}`;
      });
      expect([name, readFileSync(policy, "utf8"), ...said]).toEqual([name, readFileSync(policy, "utf8"), `ours ${status}`, `theirs ${status}`]);
    }
  }, 120_000);

  for (const [who, locker, opener] of pairs) {
    test(`layers encrypted by ${who} are opened by the other, for every kind of key`, () => {
      const folder = newFolder();
      const keys = gpgSigners("reader");
      const print = /^fpr:+([0-9A-F]+):/m.exec(mustRun(["gpg", "--batch", "--with-colons", "--list-keys", keys.address("reader")], { env: keys.env }))![1]!;
      mustRun(["gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", print, "rsa2048", "encr", "never"], { env: keys.env });
      const openssl = (...words: string[]) => mustRun(["openssl", ...words]);
      openssl("genrsa", "-out", `${folder}/rsa.pem`, "2048");
      openssl("rsa", "-in", `${folder}/rsa.pem`, "-pubout", "-out", `${folder}/rsa.pub`);
      openssl("genrsa", "-out", `${folder}/wrong.pem`, "2048");
      openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${folder}/sec1.pem`);
      openssl("pkcs8", "-topk8", "-nocrypt", "-in", `${folder}/sec1.pem`, "-out", `${folder}/ec.pem`);
      openssl("ec", "-in", `${folder}/ec.pem`, "-pubout", "-out", `${folder}/ec.pub`);
      openssl("req", "-x509", "-key", `${folder}/rsa.pem`, "-out", `${folder}/cert.pem`, "-subj", "/CN=reader", "-days", "2");
      mustRun(["gpg", "--batch", "--export-secret-keys", "--output", `${folder}/secret.gpg`, keys.address("reader")], { env: keys.env });
      // The original reads no key ring of the newer form.
      mustRun(["gpg", "--batch", "--export", "--output", join(keys.env["GNUPGHOME"]!, "pubring.gpg"), keys.address("reader")], { env: keys.env });
      const kinds: [string, string[], string[]][] = [
        ["rsa", [`jwe:${folder}/rsa.pub`], [`${folder}/rsa.pem`]],
        ["ec", [`jwe:${folder}/ec.pub`], [`${folder}/ec.pem`]],
        ["both", [`jwe:${folder}/rsa.pub`, `jwe:${folder}/ec.pub`], [`${folder}/ec.pem`]],
        ["pkcs7", [`pkcs7:${folder}/cert.pem`], [`${folder}/rsa.pem`, `${folder}/cert.pem`]],
        ["pgp", [`pgp:${keys.address("reader")}`], [`${folder}/secret.gpg`]],
      ];
      for (const [kind, recipients, openers] of kinds) {
        const locked = `oci:${folder}/locked-${kind}:1`;
        const lock = run([locker, "copy", "--src-tls-verify=false", ...recipients.flatMap(key => ["--encryption-key", key]), at("plain"), locked], { env: keys.env });
        expect([kind, lock.err, lock.status]).toEqual([kind, expect.any(String), 0]);
        const open = run([opener, "copy", ...openers.flatMap(key => ["--decryption-key", key]), locked, `oci:${folder}/open-${kind}:1`], { env: keys.env });
        expect([kind, open.status === 0 ? "" : open.err]).toEqual([kind, ""]);
        const layers = (of: string) => JSON.parse(mustRun([oursAt, "inspect", "--raw", of])).layers as { digest: string; mediaType: string; annotations?: object }[];
        expect(layers(`oci:${folder}/open-${kind}:1`)[0]!.digest).toBe(JSON.parse(new TextDecoder().decode(image.manifest)).layers[0].digest);
        expect(layers(locked)[0]!.mediaType).toEndWith("+encrypted");
        expect(run([opener, "copy", "--decryption-key", `${folder}/wrong.pem`, locked, `oci:${folder}/never:1`]).status).not.toBe(0);
      }
    }, 120_000);
  }
});
