// Encrypted layers: copied, pulled and run with the right key, refused with any other, damaged or not.
// Source: skopeo-copy(1), "--encryption-key"; podman-pull(1), podman-push(1), "--decryption-key".

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { makeImage } from "../fixtures/image.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";

const image = busybox({ form: "oci" });
const layered = makeImage({ layers: [1, 2, 3].map(n => tarOf([{ name: `file-${n}`, body: `layer ${n} `.repeat(5000) }])), form: "oci" });
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;
const done = (...words: string[]): string => mustRun(["skopeo", ...words]);
const skopeo = (...words: string[]) => run(["skopeo", ...words]);

let registry: Registry;
let keys: string;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(image, "plain");
  await registry.push(layered, "layered");
  keys = newFolder("keys");
  const openssl = (...words: string[]) => mustRun(["openssl", ...words]);
  for (const name of ["me", "you"]) {
    openssl("genrsa", "-out", `${keys}/${name}.pem`, "2048");
    openssl("rsa", "-in", `${keys}/${name}.pem`, "-pubout", "-out", `${keys}/${name}.pub`);
  }
  openssl("rsa", "-in", `${keys}/me.pem`, "-aes256", "-passout", "pass:secret", "-out", `${keys}/locked.pem`);
}, 60_000);
afterAll(async () => registry?.stop());

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}
const layersOf = (name: string): Layer[] => JSON.parse(done("inspect", "--raw", name)).layers;

test("an encrypted image runs for who has the key, and for nobody else", () => {
  const name = "127.0.0.1:5000/locked:1";
  done("copy", "--encryption-key", `jwe:${keys}/me.pub`, at("plain"), `docker://${name}`);
  for (const [said, ...words] of [["need a key"], ["no suitable key", "--decryption-key", `${keys}/you.pem`], ["none of the files holds a private key", "--decryption-key", `${keys}/me.pub`]]) {
    const refused = podman("pull", "-q", ...words, name);
    expect([said, refused.status, refused.err]).toEqual([said!, 125, expect.stringContaining(said!)]);
  }
  expect(ok("images", "-q")).toBe("");
  expect(ok("run", "--rm", "--network=none", "-q", "--decryption-key", `${keys}/me.pem`, name, "echo", "open")).toBe("open");
  ok("rmi", "-f", name);
  ok("pull", "-q", "--decryption-key", `${keys}/locked.pem:pass=secret`, name);
  // What is pushed back is open, unless it is encrypted anew.
  ok("push", "-q", name, at("open:1"));
  expect(layersOf(at("open:1"))[0]!.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
  ok("push", "-q", "--encryption-key", `jwe:${keys}/you.pub`, name, at("again:1"));
  expect(layersOf(at("again:1"))[0]!.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
  ok("rmi", "-f", name);
}, 60_000);

test("passwords of key files come plain, from a file or not at all, and wrong ones are told", () => {
  const folder = newFolder();
  done("copy", "--encryption-key", `jwe:${keys}/me.pub`, at("plain"), `oci:${folder}/l:1`);
  writeFileSync(`${folder}/password`, "secret");
  for (const way of ["secret", "pass=secret", `file=${folder}/password`]) done("copy", "--decryption-key", `${keys}/locked.pem:${way}`, `oci:${folder}/l:1`, `dir:${newFolder()}/d`);
  expect(skopeo("copy", "--decryption-key", `${keys}/locked.pem`, `oci:${folder}/l:1`, `dir:${newFolder()}/d`).err).toContain("Missing password for encrypted private key");
  expect(skopeo("copy", "--decryption-key", `${keys}/locked.pem:wrong`, `oci:${folder}/l:1`, `dir:${newFolder()}/d`).err).toContain("Wrong password");
});

test("chosen layers alone are encrypted, for several, and open to the very bytes they were", () => {
  const folder = newFolder();
  const both = ["--encryption-key", `jwe:${keys}/me.pub`, "--encryption-key", `jwe:${keys}/you.pub`];
  done("copy", ...both, "--encrypt-layer", "0,-1", at("layered"), `oci:${folder}/l:1`);
  const locked = layersOf(`oci:${folder}/l:1`);
  expect(locked.map(({ mediaType }) => mediaType.endsWith("+encrypted"))).toEqual([true, false, true]);
  expect(Object.keys(locked[0]!.annotations!).sort()).toEqual(["org.opencontainers.image.enc.keys.jwe", "org.opencontainers.image.enc.pubopts"]);
  for (const who of ["me", "you"]) {
    done("copy", "--decryption-key", `${keys}/${who}.pem`, `oci:${folder}/l:1`, `oci:${folder}/${who}:1`);
    expect(layersOf(`oci:${folder}/${who}:1`)).toEqual(JSON.parse(new TextDecoder().decode(layered.manifest)).layers);
  }
  // Of the plain layers only the one that was to stay plain is there.
  const plain = JSON.parse(new TextDecoder().decode(layered.manifest)).layers as Layer[];
  expect(plain.map(({ digest }) => existsSync(`${folder}/l/blobs/sha256/${digest.slice(7)}`))).toEqual([false, true, false]);
  // The scratch files are gone too.
  expect(readdirSync(`${process.env["TMPDIR"]}`).filter(name => name.startsWith("coracle-"))).toEqual([]);
});

test("a damaged layer is found out, whether or not its digest was made to fit", () => {
  const folder = newFolder();
  done("copy", "--encryption-key", `jwe:${keys}/me.pub`, at("plain"), `oci:${folder}/l:1`);
  const index = JSON.parse(readFileSync(`${folder}/l/index.json`, "utf8"));
  const file = (digest: string) => `${folder}/l/blobs/sha256/${digest.slice(7)}`;
  const put = (bytes: Uint8Array): string => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    writeFileSync(file(digest), bytes);
    return digest;
  };
  const manifest = JSON.parse(readFileSync(file(index.manifests[0].digest), "utf8"));
  const bytes = readFileSync(file(manifest.layers[0].digest));
  bytes[1000]! ^= 1;
  const open = () => skopeo("copy", "--decryption-key", `${keys}/me.pem`, `oci:${folder}/l:1`, `dir:${folder}/out`);
  const honest = manifest.layers[0].digest;
  writeFileSync(file(honest), bytes);
  expect(open().err).toContain("its bytes have another digest");
  manifest.layers[0].digest = put(bytes);
  const text = Buffer.from(JSON.stringify(manifest));
  index.manifests[0].digest = put(text);
  index.manifests[0].size = text.length;
  writeFileSync(`${folder}/l/index.json`, JSON.stringify(index));
  expect(open().err).toContain("could not properly decrypt byte stream");
  expect(existsSync(`${folder}/out/manifest.json`)).toBe(false);
});

test("what cannot be encrypted or opened is refused by name", () => {
  const to = () => `oci:${newFolder()}/l:1`;
  const cases: [string, string[]][] = [
    ["--encryption-key and --decryption-key cannot be specified together", ["--encryption-key", `jwe:${keys}/me.pub`, "--decryption-key", `${keys}/me.pem`]],
    ["--encrypt-layer can only be used with --encryption-key", ["--encrypt-layer", "0"]],
    ["layer index 7 out of range (1 layers exist)", ["--encryption-key", `jwe:${keys}/me.pub`, "--encrypt-layer", "7"]],
    ["Invalid recipient format", ["--encryption-key", "nothing"]],
    ["Provided protocol not recognized", ["--encryption-key", "rot13:x"]],
    ["File provided is not a public key", ["--encryption-key", `jwe:${keys}/me.pem`]],
    ["File provided is not an x509 cert", ["--encryption-key", `pkcs7:${keys}/me.pub`]],
    ['cannot encrypt with "pkcs11"', ["--encryption-key", "pkcs11:x"]],
    ["no such file or directory", ["--encryption-key", "jwe:/none"]],
    ["which does not support encryption", ["--encryption-key", `jwe:${keys}/me.pub`, "--format", "v2s2"]],
  ];
  for (const [reason, words] of cases) expect([reason, skopeo("copy", ...words, at("plain"), to()).err]).toEqual([reason, expect.stringContaining(reason.replaceAll('"', '\\"'))]);
  expect(skopeo("copy", "--encryption-key", `jwe:${keys}/me.pub`, at("plain"), `docker-archive:${newFolder()}/a.tar`).err).toContain("cannot hold encrypted ones");
});

test("a build opens an encrypted base with --decryption-key, and not without", () => {
  const directory = newFolder("encrypted-base");
  writeFileSync(`${directory}/Containerfile`, "FROM 127.0.0.1:5000/for-build\nRUN true\n");
  done("copy", "--encryption-key", `jwe:${keys}/me.pub`, at("plain"), at("for-build"));
  const build = (...options: string[]) => podman("build", "--network", "none", "--tls-verify=false", ...options, directory);
  expect(build().status).toBe(125);
  expect(build("--decryption-key", `${keys}/you.pem`).status).toBe(125);
  expect(build("--decryption-key", `${keys}/me.pem`).status).toBe(0);
});
