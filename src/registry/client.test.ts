// The client against Debian's docker-registry: everything it can do, with TLS, with a password, and without.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { freePort, hasDockerRegistry, startRegistry, type TestRegistry } from "../../tests/fixtures/docker-registry.ts";
import { digestOf, type Digest } from "../base/digest.ts";
import { mediaTypes } from "../base/media-types.ts";
import { newRegistryClient, type RegistryClient } from "./client.ts";
import { refusalOf } from "./refusal.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function collected(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  return text;
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield bytesOf(text);
}

async function pushImage(client: RegistryClient, repository: string, tag: string): Promise<{ manifest: Uint8Array; digest: Digest }> {
  const config = bytesOf('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
  const pushed = await client.pushBlob(repository, config);
  const manifest = bytesOf(JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: pushed.digest, size: pushed.size },
    layers: [],
  }));
  const digest = await client.putManifest(repository, tag, { bytes: manifest, mediaType: mediaTypes.ociManifest });
  return { manifest, digest };
}

describe.skipIf(!hasDockerRegistry)("an open registry without TLS", () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  beforeAll(async () => {
    registry = await startRegistry();
    client = newRegistryClient({ host: registry.host, insecure: true, intent: "push" });
  });
  afterAll(() => registry.stop());

  test("https is tried first, http after it when insecure", async () => {
    await client.ping();
    expect(client.scheme).toBe("http");
  });

  test("without insecure the reason is podman's", async () => {
    const strict = newRegistryClient({ host: registry.host });
    const message = `pinging container registry ${registry.host}: Get "https://${registry.host}/v2/": http: server gave HTTP response to HTTPS client`;
    await expect(strict.ping()).rejects.toMatchObject({ code: "registry.unreachable", message });
  });

  test("a manifest comes back byte for byte", async () => {
    const { manifest, digest } = await pushImage(client, "a/one", "v1");
    expect(await client.manifest("a/one", "v1")).toEqual({ bytes: manifest, mediaType: mediaTypes.ociManifest, digest });
    expect((await client.manifest("a/one", digest)).bytes).toEqual(manifest);
    expect(await client.headManifest("a/one", "v1")).toEqual({ mediaType: mediaTypes.ociManifest, digest, size: manifest.length });
  });

  test("a manifest that is not there is unknown", async () => {
    await pushImage(client, "a/one", "v1");
    expect(await client.headManifest("a/one", "nosuch")).toBeUndefined();
    const thrown = await client.manifest("a/one", "nosuch").catch(String);
    expect(thrown).toContain(`reading manifest nosuch in ${registry.host}/a/one: manifest unknown`);
  });

  test("a refusal keeps status and code beside the message", async () => {
    const thrown = await client.manifest("no/such", "v1").catch((thrown: unknown) => thrown);
    expect(thrown).toMatchObject({ code: "registry.not-found" });
    expect(refusalOf(thrown)).toMatchObject({ status: 404, code: "MANIFEST_UNKNOWN" });
  });

  for (const [way, source, wish] of [
    ["one request", bytesOf("hello world"), {}],
    ["a stream", pieces("hello ", "world"), {}],
    ["chunks", pieces("hel", "lo wor", "ld"), { chunkBytes: 4 }],
    ["a stream of known digest", pieces("hello world"), { digest: digestOf("hello world"), size: 11 }],
  ] as const) {
    test(`a blob is pushed as ${way} and comes back`, async () => {
      const repository = `push/${way.replaceAll(" ", "-")}`;
      const digest = digestOf("hello world");
      expect(await client.hasBlob(repository, digest)).toBeUndefined();
      expect(await client.pushBlob(repository, source, wish)).toEqual({ digest, size: 11 });
      expect(await client.hasBlob(repository, digest)).toBe(11);
      const blob = await client.blob(repository, digest, { size: 11 });
      expect(blob.size).toBe(11);
      expect(await collected(blob.stream)).toBe("hello world");
    });
  }

  test("a blob of no bytes, and one of 5 MB, are pushed and come back", async () => {
    for (const text of ["", "0123456789abcdef".repeat(320_000)]) {
      const { digest, size } = await client.pushBlob("push/sizes", pieces(text));
      expect(size).toBe(text.length);
      expect(digestOf(await collected((await client.blob("push/sizes", digest)).stream))).toBe(digest);
    }
  });

  test("a blob pushed under a wrong digest is refused", async () => {
    const wrong = client.pushBlob("push/wrong", pieces("hello"), { digest: digestOf("other") });
    await expect(wrong).rejects.toMatchObject({ code: "registry.failed", message: expect.stringContaining("provided digest did not match") });
  });

  test("a source that fails ends the push with its own error", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytesOf("some");
      throw new Error("disk on fire");
    }
    await expect(client.pushBlob("push/failing", failing())).rejects.toThrow("disk on fire");
  });

  test("reading goes on at an offset", async () => {
    const { digest } = await client.pushBlob("push/offset", bytesOf("hello world"));
    const blob = await client.blob("push/offset", digest, { offset: 6 });
    expect(blob.size).toBe(11);
    expect(await collected(blob.stream)).toBe("world");
    expect(await collected((await client.blob("push/offset", digest, { offset: 11, size: 11 })).stream)).toBe("");
  });

  test("a blob is taken over from another repository, or not", async () => {
    const { digest } = await client.pushBlob("mount/from", bytesOf("mounted"));
    expect(await client.mountBlob("mount/to", digest, "mount/from")).toBe(true);
    expect(await client.hasBlob("mount/to", digest)).toBe(7);
    expect(await client.mountBlob("mount/to", digestOf("absent"), "mount/from")).toBe(false);
  });

  test("tags and repositories are listed", async () => {
    for (const tag of ["v1", "v2", "v3"]) await pushImage(client, "list/tags", tag);
    expect((await client.tags("list/tags")).sort()).toEqual(["v1", "v2", "v3"]);
    expect(await client.catalog(100)).toContain("list/tags");
    expect(await client.catalog(1)).toHaveLength(1);
    await expect(client.tags("list/none")).rejects.toThrow("fetching tags list: repository name not known to registry");
  });

  test("a manifest is deleted by its tag", async () => {
    const { digest } = await pushImage(client, "delete/it", "v1");
    expect(await client.deleteManifest("delete/it", "v1")).toBe(digest);
    expect(await client.headManifest("delete/it", digest)).toBeUndefined();
    await expect(client.deleteManifest("delete/it", "v1")).rejects.toThrow(`Unable to delete ${registry.host}/delete/it:v1. Image may not exist`);
  });

  test("referrers come from the tag schema where the API is missing", async () => {
    const { digest } = await pushImage(client, "refer/to", "v1");
    expect(await client.referrers("refer/to", digest)).toEqual([]);
    const referrer = { mediaType: mediaTypes.ociManifest, digest, size: 1, artifactType: "application/x-test" };
    const index = bytesOf(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [referrer] }));
    await client.putManifest("refer/to", digest.replace(":", "-"), { bytes: index, mediaType: mediaTypes.ociIndex });
    expect(await client.referrers("refer/to", digest)).toEqual([referrer]);
    expect(await client.referrers("refer/to", digest, "application/x-other")).toEqual([]);
  });

  for (const [repository, reference] of [["../../etc", "v1"], ["a", "../v1"], ["A", "v1"], ["a", "x".repeat(129)], ["", "v1"]] as const) {
    test(`nothing is asked for "${repository}" "${reference.slice(0, 9)}"`, async () => {
      await expect(client.manifest(repository, reference)).rejects.toMatchObject({ code: "reference.malformed" });
    });
  }

  test("a closed port is refused at once", async () => {
    const port = freePort();
    const closed = newRegistryClient({ host: `127.0.0.1:${port}`, retry: { delayMs: 60_000 } });
    const message = `pinging container registry 127.0.0.1:${port}: Get "https://127.0.0.1:${port}/v2/": dial tcp 127.0.0.1:${port}: connect: connection refused`;
    await expect(closed.ping()).rejects.toMatchObject({ message });
  });

  for (const host of ["", "a/b", "user@host", "host:port", "a b", "-x"]) {
    test(`no host: ${JSON.stringify(host)}`, () => {
      expect(() => newRegistryClient({ host })).toThrow(expect.objectContaining({ code: "usage.invalid" }));
    });
  }
});

describe.skipIf(!hasDockerRegistry)("a registry with TLS and a password", () => {
  let registry: TestRegistry;
  let certDir: string;
  const login = { username: "someone", password: "p:ä$s word" };
  beforeAll(async () => {
    registry = await startRegistry({ tls: true, login });
    certDir = `${registry.directory}/certs`;
    fs.mkdirSync(certDir);
    fs.copyFileSync(registry.caFile, `${certDir}/ca.crt`);
  });
  afterAll(() => registry.stop());

  test("an unknown authority is refused", async () => {
    const client = newRegistryClient({ host: registry.host, credentials: login });
    await expect(client.ping()).rejects.toMatchObject({ message: expect.stringMatching(/^pinging container registry localhost:\d+: .*x509: certificate signed by unknown authority$/) });
  });

  test("the authority of --cert-dir and the password let in", async () => {
    const client = newRegistryClient({ host: registry.host, certDir, credentials: login, intent: "push" });
    const { digest } = await pushImage(client, "secret/one", "v1");
    expect((await client.manifest("secret/one", "v1")).digest).toBe(digest);
    expect(client.scheme).toBe("https");
  });

  test("the person's certs.d is found by the host's name", async () => {
    const home = `${registry.directory}/home`;
    fs.mkdirSync(`${home}/.config/containers/certs.d`, { recursive: true });
    fs.cpSync(certDir, `${home}/.config/containers/certs.d/${registry.host}`, { recursive: true });
    const client = newRegistryClient({ host: registry.host, credentials: login, environment: { HOME: home } });
    expect(await client.login()).toBe(true);
  });

  test("--tls-verify=false lets in without the authority", async () => {
    expect(await newRegistryClient({ host: registry.host, insecure: true, credentials: login }).login()).toBe(true);
  });

  for (const [who, credentials] of [["nobody", {}], ["a wrong password", { ...login, password: "wrong" }]] as const) {
    test(`${who} is kept out`, async () => {
      const client = newRegistryClient({ host: registry.host, certDir, credentials, intent: "push" });
      expect(await client.login()).toBe(false);
      const digest = digestOf("x");
      await expect(client.hasBlob("secret/one", digest)).rejects.toMatchObject({
        code: "registry.denied",
        message: `checking whether a blob ${digest} exists in ${registry.host}/secret/one: authentication required`,
      });
      await expect(client.manifest("secret/one", "v1")).rejects.toThrow(`${registry.host}/secret/one: authentication required`);
    });
  }
});

describe.skipIf(!hasDockerRegistry)("a registry that wants client certificates", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ tls: true, clientCertificates: true });
  });
  afterAll(() => registry.stop());

  test("the pair in --cert-dir is shown", async () => {
    const certDir = `${registry.directory}/pair`;
    fs.mkdirSync(certDir);
    for (const name of ["ca.crt", "client.cert", "client.key"]) fs.copyFileSync(`${registry.directory}/${name}`, `${certDir}/${name}`);
    await newRegistryClient({ host: registry.host, certDir }).ping();
  });

  test("without a pair the registry hangs up", async () => {
    const certDir = `${registry.directory}/alone`;
    fs.mkdirSync(certDir);
    fs.copyFileSync(registry.caFile, `${certDir}/ca.crt`);
    const client = newRegistryClient({ host: registry.host, certDir, retry: { attemptsMax: 1 } });
    await expect(client.ping()).rejects.toMatchObject({ code: "registry.unreachable" });
  });

  test("a certificate without its key is named", async () => {
    const certDir = `${registry.directory}/lonely`;
    fs.mkdirSync(certDir);
    fs.copyFileSync(`${registry.directory}/client.cert`, `${certDir}/client.cert`);
    const client = newRegistryClient({ host: registry.host, certDir });
    await expect(client.ping()).rejects.toMatchObject({ code: "config.invalid", message: expect.stringContaining("missing key client.key for client certificate client.cert") });
  });
});
