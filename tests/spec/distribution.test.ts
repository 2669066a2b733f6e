// The OCI distribution-spec's rules for whoever pulls, pushes, lists and deletes, case by case, against a registry that keeps to it.
// Source: OCI distribution-spec 1.1; the heading of each group is the spec's.

import { afterEach, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import type { Digest } from "../../src/base/digest.ts";
import { manifestMediaTypes, mediaTypes } from "../../src/base/media-types.ts";
import { newRegistryClient, type RegistryClient } from "../../src/registry/client.ts";
import { sha256, type SpecOptions, type SpecRegistry, startSpecRegistry } from "../fixtures/spec-registry.ts";

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

interface Spoken {
  readonly registry: SpecRegistry;
  readonly client: RegistryClient;
  /** Requests as they came, headers and all. */
  readonly seen: Request[];
  /** "METHOD /path" without the ping, upload IDs shortened. */
  steps(): string[];
}

function speak(options: SpecOptions = {}): Spoken {
  const seen: Request[] = [];
  const registry = startSpecRegistry({ ...options, before: (request, url) => (seen.push(request.clone() as Request), options.before?.(request, url)) });
  stops.push(registry.stop);
  const client = newRegistryClient({ host: registry.address, scheme: "http", retry: { delayMs: 1, attemptsMax: 3 } });
  const steps = (): string[] => registry.log.filter(line => line !== "GET /v2/").map(line => line.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "ID"));
  return { registry, client, seen, steps };
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const blob = bytesOf("some layer of some image");
const blobDigest = sha256(blob) as Digest;
const config = bytesOf("{}");
const manifestOf = (more: object = {}): Uint8Array => bytesOf(JSON.stringify({
  schemaVersion: 2, mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length },
  layers: [{ mediaType: mediaTypes.ociLayer, digest: blobDigest, size: blob.length }], ...more,
}));
const manifest = manifestOf();
const manifestDigest = sha256(manifest) as Digest;

function keep({ registry }: Spoken, name: string): void {
  registry.repositories.get(name) ?? (registry.repositories as Map<string, object>).set(name, { blobs: new Map(), manifests: new Map(), tags: new Map() });
  const repository = registry.repositories.get(name)!;
  repository.blobs.set(blobDigest, blob);
  repository.manifests.set(manifestDigest, { bytes: manifest, type: mediaTypes.ociManifest });
  repository.tags.set("v1", manifestDigest);
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part.slice());
  return Buffer.concat(parts).toString();
}

async function* streamed(...parts: string[]): AsyncGenerator<Uint8Array, void, void> {
  for (const part of parts) yield bytesOf(part);
}

describe("Pulling manifests", () => {
  test("a tag or a digest is asked for with every type that can be read", async () => {
    const spoken = speak();
    keep(spoken, "a/b");
    for (const reference of ["v1", manifestDigest]) expect((await spoken.client.manifest("a/b", reference)).digest).toBe(manifestDigest);
    expect(spoken.steps()).toEqual(["GET /v2/a/b/manifests/v1", `GET /v2/a/b/manifests/${manifestDigest}`]);
    const accepted = spoken.seen.at(-1)!.headers.get("accept")!.split(/\s*,\s*/);
    expect(accepted).toEqual([...manifestMediaTypes]);
  });

  test("what comes for a digest must be of that digest, whatever the registry's header says", async () => {
    const other = manifestOf({ annotations: { other: "one" } });
    const spoken = speak({
      before: (_, url) => (url.pathname.includes("/manifests/") ? new Response(other as BodyInit, { headers: { "content-type": mediaTypes.ociManifest, "docker-content-digest": manifestDigest } }) : undefined),
    });
    await expect(spoken.client.manifest("a", manifestDigest)).rejects.toMatchObject({ code: "digest.mismatch" });
    await expect(spoken.client.manifest("a", "v1")).rejects.toMatchObject({ code: "digest.mismatch" });
  });

  test("what is not there is not found, by GET and by HEAD", async () => {
    const spoken = speak();
    await expect(spoken.client.manifest("a", "none")).rejects.toMatchObject({ code: "registry.not-found", cause: { status: 404, code: "MANIFEST_UNKNOWN" } });
    expect(await spoken.client.headManifest("a", "none")).toBeUndefined();
  });
});

describe("Pulling blobs", () => {
  test("a blob comes by its digest, and what is not there is not found", async () => {
    const spoken = speak();
    keep(spoken, "a");
    expect(await collected((await spoken.client.blob("a", blobDigest)).stream)).toBe("some layer of some image");
    await expect(spoken.client.blob("a", sha256(config) as Digest)).rejects.toMatchObject({ code: "registry.not-found", cause: { code: "BLOB_UNKNOWN" } });
  });

  test("a redirect is followed, also to another host, where no credential goes", async () => {
    const elsewhere = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: request => (request.headers.has("authorization") ? new Response("no", { status: 400 }) : new Response(blob as BodyInit)) });
    stops.push(() => void elsewhere.stop(true));
    const { registry } = speak({
      before: (request, url) => {
        if (!request.headers.has("authorization")) return new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
        return url.pathname.includes("/blobs/") ? new Response(null, { status: 307, headers: { location: `http://127.0.0.1:${elsewhere.port}/store/1?signed=yes` } }) : undefined;
      },
    });
    const client = newRegistryClient({ host: registry.address, scheme: "http", credentials: { username: "u", password: "p" } });
    expect(await collected((await client.blob("a", blobDigest)).stream)).toBe("some layer of some image");
  });

  test("the rest of one is asked for as a range", async () => {
    const spoken = speak();
    keep(spoken, "a");
    expect(await collected((await spoken.client.blob("a", blobDigest, { offset: 5 })).stream)).toBe("layer of some image");
    expect(spoken.seen.at(-1)!.headers.get("range")).toBe("bytes=5-");
  });

  test("whether one is there is asked by HEAD", async () => {
    const spoken = speak();
    keep(spoken, "a");
    expect(await spoken.client.hasBlob("a", blobDigest)).toBe(blob.length);
    expect(await spoken.client.hasBlob("a", sha256(config) as Digest)).toBeUndefined();
    expect(spoken.steps().map(step => step.slice(0, 5))).toEqual(["HEAD ", "HEAD "]);
  });
});

describe("Pushing a blob monolithically", () => {
  test("POST, then PUT with digest, length and type", async () => {
    const spoken = speak();
    expect(await spoken.client.pushBlob("a/b", blob, { digest: blobDigest, size: blob.length })).toEqual({ digest: blobDigest, size: blob.length });
    expect(spoken.steps()).toEqual(["POST /v2/a/b/blobs/uploads/", `PUT /v2/a/b/blobs/uploads/ID?digest=${encodeURIComponent(blobDigest)}`]);
    const put = spoken.seen.at(-1)!.headers;
    expect([put.get("content-length"), put.get("content-type")]).toEqual([String(blob.length), "application/octet-stream"]);
    expect(spoken.seen.find(request => request.method === "POST")!.headers.get("content-length")).toBe("0");
    expect(spoken.registry.repositories.get("a/b")!.blobs.get(blobDigest)).toEqual(Buffer.from(blob));
  });

  test("a stream of known digest and size is sent so, its length first, and one that ends early is no blob", async () => {
    const spoken = speak();
    await spoken.client.pushBlob("a", streamed("some layer ", "of some image"), { digest: blobDigest, size: blob.length });
    expect(spoken.steps().map(step => step.split(" ")[0])).toEqual(["POST", "PUT"]);
    expect(spoken.seen.at(-1)!.headers.get("content-length")).toBe(String(blob.length));
    await expect(spoken.client.pushBlob("b", streamed("some"), { digest: blobDigest, size: blob.length })).rejects.toBeDefined();
    expect(spoken.registry.repositories.get("b")?.blobs.size ?? 0).toBe(0);
  });

  test("what drops or is refused for the moment is sent again from its start, where it can be opened again", async () => {
    let unwell = 1;
    const spoken = speak({ before: request => (request.method === "PUT" && unwell-- > 0 ? new Response("", { status: 503 }) : undefined) });
    let opened = 0;
    const source = async (): Promise<AsyncIterable<Uint8Array>> => (opened++, streamed("some layer ", "of some image"));
    await spoken.client.pushBlob("a", source, { digest: blobDigest, size: blob.length });
    expect(opened).toBe(2);
    expect(spoken.registry.repositories.get("a")!.blobs.get(blobDigest)).toEqual(Buffer.from(blob));
    unwell = 1;
    await expect(spoken.client.pushBlob("a", streamed("some layer ", "of some image"), { digest: blobDigest, size: blob.length })).rejects.toMatchObject({ cause: { status: 503 } });
    const failing = async (): Promise<AsyncIterable<Uint8Array>> => (opened++, (async function* () { yield bytesOf("some"); throw new Error("the source is gone"); })());
    opened = 0;
    await expect(spoken.client.pushBlob("a", failing, { digest: blobDigest, size: blob.length })).rejects.toBeDefined();
    expect(opened).toBe(1);
  });

  test("a connection that drops in the middle of one is such a case", async () => {
    const big = new Uint8Array(3_000_000).fill(7);
    let puts = 0;
    const server = createServer(socket => {
      let text = "";
      let size = 0;
      socket.on("error", () => undefined);
      socket.on("data", bytes => {
        size += bytes.length;
        if (text === "") text = bytes.toString("latin1");
        if (text.startsWith("GET")) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        else if (text.startsWith("POST")) socket.end("HTTP/1.1 202 Accepted\r\nLocation: /up\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        else if (text.startsWith("DELETE")) socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        else if (puts === 0 && size > 100_000) (puts++, socket.destroy());
        else if (puts > 0 && size > big.length) (puts++, socket.end("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
      });
    });
    await new Promise<void>(ready => server.listen(0, "127.0.0.1", ready));
    stops.push(() => void server.close());
    const client = newRegistryClient({ host: `127.0.0.1:${(server.address() as { port: number }).port}`, scheme: "http", retry: { delayMs: 1, attemptsMax: 3 } });
    const source = async (): Promise<AsyncIterable<Uint8Array>> => (async function* () { for (let at = 0; at < big.length; at += 65_536) yield big.subarray(at, at + 65_536); })();
    await client.pushBlob("a", source, { digest: sha256(big) as Digest, size: big.length });
    expect(puts).toBe(2);
  });

  test("a Location elsewhere on the registry, with a query of its own, keeps that query", async () => {
    const spoken = speak({
      before: (request, url) => {
        if (request.method === "POST") return new Response(null, { status: 202, headers: { location: "/elsewhere/7?state=a%2Fb" } });
        return url.pathname === "/elsewhere/7" ? new Response(null, { status: 201 }) : undefined;
      },
    });
    await spoken.client.pushBlob("a", blob, { digest: blobDigest });
    expect(spoken.steps().at(-1)).toBe(`PUT /elsewhere/7?state=a%2Fb&digest=${encodeURIComponent(blobDigest)}`);
  });

  test("a blob that is refused as another one leaves nothing", async () => {
    const spoken = speak();
    await expect(spoken.client.pushBlob("a", blob, { digest: sha256(config) as Digest })).rejects.toMatchObject({ cause: { code: "DIGEST_INVALID" } });
    expect(spoken.registry.repositories.get("a")!.blobs.size).toBe(0);
    expect(spoken.steps().at(-1)).toBe("DELETE /v2/a/blobs/uploads/ID");
  });
});

describe("Pushing a blob in chunks", () => {
  test("a stream is one PATCH, closed by PUT", async () => {
    const spoken = speak();
    await spoken.client.pushBlob("a", streamed("some layer ", "of some image"), { digest: blobDigest });
    expect(spoken.steps().map(step => step.split(" ")[0])).toEqual(["POST", "PATCH", "PUT"]);
  });

  test("chunks come in order, each with its range, each to the address that the last one gave", async () => {
    let turn = 0;
    const spoken = speak({
      before: (request, url) => {
        if (request.method === "POST") return new Response(null, { status: 202, headers: { location: "/up/0" } });
        if (request.method === "PATCH") return new Response(null, { status: 202, headers: { location: `/up/${++turn}`, range: "0-1" } });
        return url.pathname.startsWith("/up/") ? new Response(null, { status: 201 }) : undefined;
      },
    });
    await spoken.client.pushBlob("a", streamed("some layer of some image"), { digest: blobDigest, chunkBytes: 10 });
    expect(spoken.steps().map(step => step.replace(/\?.*/, ""))).toEqual(["POST /v2/a/blobs/uploads/", "PATCH /up/0", "PATCH /up/1", "PATCH /up/2", "PUT /up/3"]);
    const ranges = spoken.seen.filter(request => request.method === "PATCH").map(({ headers }) => [headers.get("content-range"), headers.get("content-length")]);
    expect(ranges).toEqual([["0-9", "10"], ["10-19", "10"], ["20-23", "4"]]);
  });

  test("416 for a chunk that is out of order ends the push, and nothing of it stays", async () => {
    const spoken = speak({ before: request => (request.headers.get("content-range") === "10-19" ? new Response("", { status: 416 }) : undefined) });
    await expect(spoken.client.pushBlob("a", streamed("some layer of some image"), { digest: blobDigest, chunkBytes: 10 })).rejects.toMatchObject({ cause: { status: 416 } });
    expect(spoken.registry.repositories.get("a")!.blobs.size).toBe(0);
    expect(spoken.steps().at(-1)).toBe("DELETE /v2/a/blobs/uploads/ID");
  });
});

describe("Mounting a blob from another repository", () => {
  test("201 is enough; 202 is an upload that is given up", async () => {
    const spoken = speak();
    keep(spoken, "from");
    expect(await spoken.client.mountBlob("to", blobDigest, "from")).toBe(true);
    expect(await spoken.client.mountBlob("to", sha256(config) as Digest, "from")).toBe(false);
    expect(spoken.steps().map(step => step.split("?")[0])).toEqual(["POST /v2/to/blobs/uploads/", "POST /v2/to/blobs/uploads/", "DELETE /v2/to/blobs/uploads/ID"]);
    expect(spoken.registry.log.find(line => line.includes("mount"))).toBe(`POST /v2/to/blobs/uploads/?mount=${encodeURIComponent(blobDigest)}&from=from`);
  });
});

describe("Pushing manifests", () => {
  test("byte for byte, under the manifest's own type, by tag and by digest", async () => {
    const spoken = speak();
    for (const reference of ["v1", manifestDigest]) expect(await spoken.client.putManifest("a", reference, { bytes: manifest, mediaType: mediaTypes.ociManifest })).toBe(manifestDigest);
    expect(spoken.seen.filter(request => request.method === "PUT").map(request => request.headers.get("content-type"))).toEqual([mediaTypes.ociManifest, mediaTypes.ociManifest]);
    expect(spoken.registry.repositories.get("a")!.manifests.get(manifestDigest)!.bytes).toEqual(manifest);
  });

  test("one of another digest is not sent at all", async () => {
    const spoken = speak();
    await expect(spoken.client.putManifest("a", blobDigest, { bytes: manifest, mediaType: mediaTypes.ociManifest })).rejects.toMatchObject({ code: "digest.mismatch" });
    expect(spoken.steps()).toEqual([]);
  });
});

const artifact = (number: number, artifactType = "application/x"): Uint8Array =>
  manifestOf({ artifactType, annotations: { number: String(number) }, subject: { mediaType: mediaTypes.ociManifest, digest: manifestDigest, size: manifest.length } });
const put = (client: RegistryClient, bytes: Uint8Array): Promise<Digest> => client.putManifest("a", sha256(bytes), { bytes, mediaType: mediaTypes.ociManifest });
const fallback = `sha256-${manifestDigest.slice(7)}`;

describe("Listing referrers", () => {
  test("by the API where there is one; OCI-Subject says that the list is kept", async () => {
    const spoken = speak();
    await put(spoken.client, artifact(1));
    expect(spoken.steps().some(step => step.includes(fallback))).toBe(false);
    expect((await spoken.client.referrers("a", manifestDigest)).map(one => one.digest)).toEqual([sha256(artifact(1)) as Digest]);
  });

  test("without OCI-Subject whoever pushes keeps the list under the tag, each referrer once", async () => {
    const spoken = speak({ referrers: false });
    for (const number of [1, 2, 1]) await put(spoken.client, artifact(number));
    const listed = await spoken.client.referrers("a", manifestDigest);
    expect(listed).toEqual([1, 2].map(number => ({
      mediaType: mediaTypes.ociManifest, digest: sha256(artifact(number)) as Digest, size: artifact(number).length, artifactType: "application/x", annotations: { number: String(number) },
    })));
    expect(spoken.registry.repositories.get("a")!.tags.has(fallback)).toBe(true);
  });

  for (const filters of [true, false]) {
    test(`a type chooses among them, whether the registry filters (${filters}) or not`, async () => {
      const spoken = speak({ before: (_, url) => (filters ? undefined : void url.searchParams.delete("artifactType")) });
      for (const type of ["application/x", "application/y"]) await put(spoken.client, artifact(1, type));
      expect((await spoken.client.referrers("a", manifestDigest, "application/y")).map(one => one.artifactType)).toEqual(["application/y"]);
    });
  }

  test("a subject that is not there has none, and pages are followed", async () => {
    const page = (digests: string[], next?: string): Response => new Response(JSON.stringify({
      schemaVersion: 2, manifests: digests.map(digest => ({ mediaType: mediaTypes.ociManifest, digest, size: 1 })),
    }), { headers: { "content-type": mediaTypes.ociIndex, ...(next ? { link: `<${next}>; rel="next"` } : {}) } });
    expect(await speak().client.referrers("a", manifestDigest)).toEqual([]);
    const paged = speak({ before: (_, url) => (url.pathname.includes("/referrers/") ? (url.search === "" ? page([blobDigest], `${url.pathname}?p=2`) : page([manifestDigest])) : undefined) });
    expect((await paged.client.referrers("a", manifestDigest)).map(one => one.digest)).toEqual([blobDigest, manifestDigest]);
  });
});

describe("Listing tags", () => {
  test("10,000 of them come by pages of 100, each once and in order", async () => {
    const spoken = speak({ tagsPage: 100 });
    keep(spoken, "a");
    for (let number = 0; number < 9_999; number++) spoken.registry.repositories.get("a")!.tags.set(`t${String(number).padStart(5, "0")}`, manifestDigest);
    const tags = await spoken.client.tags("a");
    expect(tags).toHaveLength(10_000);
    expect(new Set(tags).size).toBe(10_000);
    expect(spoken.steps()).toHaveLength(100);
  });

  test("of a repository that is not there fail by its name", async () => {
    await expect(speak().client.tags("none")).rejects.toMatchObject({ code: "registry.not-found", cause: { code: "NAME_UNKNOWN" } });
  });
});

describe("Deleting", () => {
  test("a manifest goes by its digest, also where a tag names it", async () => {
    const spoken = speak();
    keep(spoken, "a");
    expect(await spoken.client.deleteManifest("a", "v1")).toBe(manifestDigest);
    expect(spoken.steps().at(-1)).toBe(`DELETE /v2/a/manifests/${manifestDigest}`);
  });

  test("a registry that does not delete says so by 405", async () => {
    const spoken = speak({ before: request => (request.method === "DELETE" ? new Response("", { status: 405 }) : undefined) });
    keep(spoken, "a");
    await expect(spoken.client.deleteManifest("a", "v1")).rejects.toMatchObject({ code: "registry.failed", cause: { status: 405 } });
  });
});

describe("Error codes", () => {
  const codes: readonly [number, string, string][] = [
    [404, "BLOB_UNKNOWN", "registry.not-found"], [404, "BLOB_UPLOAD_INVALID", "registry.not-found"], [404, "BLOB_UPLOAD_UNKNOWN", "registry.not-found"], [400, "DIGEST_INVALID", "registry.failed"],
    [404, "MANIFEST_BLOB_UNKNOWN", "registry.not-found"], [400, "MANIFEST_INVALID", "registry.failed"], [404, "MANIFEST_UNKNOWN", "registry.not-found"],
    [400, "NAME_INVALID", "registry.failed"], [404, "NAME_UNKNOWN", "registry.not-found"], [400, "SIZE_INVALID", "registry.failed"],
    [401, "UNAUTHORIZED", "registry.denied"], [403, "DENIED", "registry.denied"], [400, "UNSUPPORTED", "registry.failed"], [429, "TOOMANYREQUESTS", "registry.failed"],
  ];
  for (const [status, code, fault] of codes) {
    test(`${status} ${code} is kept with what the registry says`, async () => {
      const { client } = speak({ before: (_, url) => (url.pathname === "/v2/" ? undefined : Response.json({ errors: [{ code, message: "as it says", detail: { any: 1 } }, { code: "OTHER" }] }, { status })) });
      await expect(client.manifest("a", "v1")).rejects.toMatchObject({ code: fault, message: expect.stringContaining("as it says"), cause: { status, code } });
    });
  }

  for (const [what, body] of [["no JSON", "<html>no</html>"], ["JSON of another shape", "[1]"], ["a mebibyte", "x".repeat(1 << 20)], ["nothing", ""]] as const) {
    test(`an error whose body is ${what} is told by its status`, async () => {
      const { client } = speak({ before: (_, url) => (url.pathname === "/v2/" ? undefined : new Response(body, { status: 404 })) });
      const thrown = await client.manifest("a", "v1").catch((fault: unknown) => fault as Error);
      expect(thrown).toMatchObject({ code: "registry.not-found", cause: { status: 404 } });
      expect((thrown as Error).message.length).toBeLessThan(300);
    });
  }
});
