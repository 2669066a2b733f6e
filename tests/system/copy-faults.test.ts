// Copies from and to registries that fail: a silent retry or one clear error, and nothing half-copied that looks whole.
// Source: OCI distribution-spec 1.1, "Error Codes"; RFC 9110, RFC 6585.

import { afterEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { busybox } from "../fixtures/images.ts";
import type { MadeImage } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { type SpecOptions, type SpecRegistry, startSpecRegistry } from "../fixtures/spec-registry.ts";

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

const image = busybox({ form: "oci" });
const layer = JSON.parse(new TextDecoder().decode(image.manifest)).layers[0].digest as string;
const layerBytes = image.blobs.get(layer)!;

/** Beside this process, in which the registry is. */
async function skopeo(...words: string[]): Promise<{ status: number; err: string; seconds: number }> {
  const begun = performance.now();
  const child = Bun.spawn(["skopeo", ...words], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const err = await new Response(child.stderr).text();
  return { status: await child.exited, err, seconds: (performance.now() - begun) / 1000 };
}

function holding(options: SpecOptions = {}, held: MadeImage = image): SpecRegistry {
  const registry = startSpecRegistry(options);
  stops.push(registry.stop);
  const repository = { blobs: new Map(held.blobs), manifests: new Map([[held.digest, { bytes: held.manifest, type: held.mediaType }]]), tags: new Map([["latest", held.digest]]) };
  (registry.repositories as Map<string, object>).set("image", repository);
  return registry;
}

const from = ({ address }: { address: string }): string[] => ["copy", "--src-tls-verify=false", "--retry-times", "3", "--retry-delay", "50ms", `docker://${address}/image`];
const errorLines = (err: string): string[] => err.split("\n").filter(line => line.includes("level=fatal"));

/** The copy failed with one line, and what it was written to does not look like an image. */
function expectNothing(ran: { status: number; err: string }, folder: string): void {
  expect(ran.status).not.toBe(0);
  expect(errorLines(ran.err)).toHaveLength(1);
  expect(existsSync(`${folder}/manifest.json`)).toBe(false);
  expect(existsSync(`${folder}/${layer.slice(7)}`)).toBe(false);
}

const digestIn = (folder: string): string => `sha256:${new Bun.CryptoHasher("sha256").update(readFileSync(`${folder}/manifest.json`)).digest("hex")}`;
const isBlob = (url: URL): boolean => url.pathname.endsWith(layer);

describe("what passes is retried without a word", () => {
  const fleeting: readonly [string, () => Response][] = [
    ["429 with Retry-After", () => new Response("", { status: 429, headers: { "retry-after": "1" } })],
    ["500", () => new Response("", { status: 500 })], ["502", () => new Response("", { status: 502 })],
    ["503", () => new Response("", { status: 503 })], ["504", () => new Response("", { status: 504 })],
  ];
  for (const [what, answer] of fleeting) {
    test(`${what}, for a manifest and for a blob`, async () => {
      const failed = new Set<string>();
      const registry = holding({ before: (_, url) => (url.pathname !== "/v2/" && !failed.has(url.pathname) ? (failed.add(url.pathname), answer()) : undefined) });
      const folder = `${newFolder()}/dir`;
      const ran = await skopeo(...from(registry), `dir:${folder}`);
      expect(ran).toMatchObject({ status: 0 });
      expect(errorLines(ran.err)).toEqual([]);
      expect(digestIn(folder)).toBe(image.digest);
      if (what.startsWith("429")) expect(ran.seconds).toBeGreaterThan(1.9);
    });
  }

  test("a connection that drops in mid-blob is taken up at its byte", async () => {
    const ranges: (string | null)[] = [];
    const inner = holding();
    // A proxy that cuts the layer's first answer in half, by closing the connection.
    const server = createServer(socket => {
      socket.once("data", head => {
        const [line = ""] = head.toString("latin1").split("\r\n");
        const path = line.split(" ")[1];
        if (path === undefined || !path.startsWith("/v2/")) return void socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        const range = /^range: (.*)$/im.exec(head.toString("latin1"))?.[1]?.trim() ?? null;
        if (path.endsWith(layer)) ranges.push(range);
        if (path.endsWith(layer) && ranges.length === 1) {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${layerBytes.length}\r\n\r\n`);
          socket.write(layerBytes.subarray(0, layerBytes.length >> 1), () => setTimeout(() => socket.destroy(), 100));
          return;
        }
        void fetch(`http://${inner.address}${path}`, { method: line.split(" ")[0]!, headers: { ...(range ? { range } : {}), accept: "*/*" } }).then(async answer => {
          const body = Buffer.from(await answer.arrayBuffer());
          const headers = ["content-type", "docker-content-digest", "content-range"].flatMap(name => (answer.headers.has(name) ? [`${name}: ${answer.headers.get(name)}\r\n`] : []));
          socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${answer.status} X\r\nConnection: close\r\nContent-Length: ${body.length}\r\n${headers.join("")}\r\n`), body]));
        });
      });
      socket.on("error", () => undefined);
    });
    await new Promise<void>(ready => server.listen(0, "127.0.0.1", ready));
    stops.push(() => void server.close());
    const folder = `${newFolder()}/dir`;
    const ran = await skopeo(...from({ address: `127.0.0.1:${(server.address() as { port: number }).port}` }), `dir:${folder}`);
    expect(ran).toMatchObject({ status: 0 });
    expect(digestIn(folder)).toBe(image.digest);
    expect(ranges).toEqual([null, expect.stringMatching(/^bytes=\d{4,}-$/)]);
  });

  test("a token that ends in the middle is asked for again", async () => {
    let issued = 0;
    let valid = "";
    const registry = holding({
      before(request, url) {
        if (url.pathname === "/token") return Response.json({ token: (valid = `t${++issued}`), expires_in: 300 });
        const isRight = request.headers.get("authorization") === `Bearer ${valid}`;
        if (isRight && url.pathname.includes("/manifests/")) queueMicrotask(() => void (issued === 1 && (valid = "expired")));
        return isRight ? undefined : new Response("", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${registry.address}/token",service="s",error="invalid_token"` } });
      },
    });
    const folder = `${newFolder()}/dir`;
    expect(await skopeo(...from(registry), `dir:${folder}`)).toMatchObject({ status: 0 });
    expect(digestIn(folder)).toBe(image.digest);
    expect(issued).toBeGreaterThan(1);
  });
});

describe("what does not pass is one error, and leaves nothing that looks whole", () => {
  const lasting: readonly [string, SpecOptions["before"], string][] = [
    ["429 without end", (_, url) => (isBlob(url) ? new Response("", { status: 429 }) : undefined), "too many requests"],
    ["503 without end", (_, url) => (isBlob(url) ? new Response("", { status: 503 }) : undefined), "503"],
    ["403 for a blob", (_, url) => (isBlob(url) ? Response.json({ errors: [{ code: "DENIED", message: "not for you" }] }, { status: 403 }) : undefined), "not for you"],
    ["a blob that is shorter than it says", (_, url) => (isBlob(url) ? new Response(layerBytes.subarray(0, 1000) as BodyInit) : undefined), "1000 bytes"],
    ["a blob that is longer than it says", (_, url) => (isBlob(url) ? new Response(Buffer.concat([layerBytes, new Uint8Array(7)])) : undefined), "not"],
    ["a blob of other bytes", (_, url) => (isBlob(url) ? new Response(layerBytes.map(byte => byte ^ 1) as BodyInit) : undefined), "another digest"],
    ["a manifest of 5 MiB", (_, url) => (url.pathname.includes("/manifests/") ? new Response(" ".repeat(5 << 20), { headers: { "content-type": image.mediaType } }) : undefined), "larger than"],
    ["a manifest under a wrong digest", (_, url) => (url.pathname.includes("/manifests/") ? new Response(image.manifest as BodyInit, { headers: { "content-type": image.mediaType, "docker-content-digest": layer } }) : undefined), "digest"],
    ["a redirect in a circle", (_, url) => (isBlob(url) ? new Response(null, { status: 307, headers: { location: url.pathname } }) : undefined), "redirects"],
  ];
  for (const [what, before, why] of lasting) {
    test(what, async () => {
      const folder = `${newFolder()}/dir`;
      const ran = await skopeo(...from(holding({ before: before! })), `dir:${folder}`);
      expectNothing(ran, folder);
      expect(ran.err).toContain(why);
    });
  }

  test("401 without end, with a password that is right by its form", async () => {
    const registry = holding({ before: () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } }) });
    const folder = `${newFolder()}/dir`;
    const ran = await skopeo(...from(registry), "--src-creds", "me:SECRET-WORD", `dir:${folder}`);
    expectNothing(ran, folder);
    expect(ran.err).not.toContain("SECRET-WORD");
    expect(registry.log.filter(line => line.includes("/manifests/")).length).toBeLessThan(4);
  });

  test("a store gets neither the image nor its name, and an archive no file", async () => {
    const registry = holding({ before: (_, url) => (isBlob(url) ? new Response(layerBytes.map(byte => byte ^ 1) as BodyInit) : undefined) });
    const folder = newFolder();
    expect((await skopeo(...from(registry), "containers-storage:localhost/broken:1")).status).not.toBe(0);
    expect((await skopeo("inspect", "containers-storage:localhost/broken:1")).status).toBe(2);
    for (const kind of ["docker-archive", "oci-archive"]) expect((await skopeo(...from(registry), `${kind}:${folder}/x.tar:a:1`)).status).not.toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a registry gets no manifest of an image whose blob it refused", async () => {
    const target = startSpecRegistry({ before: request => (request.method === "PUT" && request.url.includes("/uploads/") ? Response.json({ errors: [{ code: "DIGEST_INVALID", message: "no" }] }, { status: 400 }) : undefined) });
    stops.push(target.stop);
    const ran = await skopeo(...from(holding()), "--dest-tls-verify=false", `docker://${target.address}/copy`);
    expect(ran.status).not.toBe(0);
    expect(errorLines(ran.err)).toHaveLength(1);
    expect(target.log.some(line => line.startsWith("PUT") && line.includes("/manifests/"))).toBe(false);
  });
});

describe("certificates", () => {
  const certificate = (folder: string, names: string): void => void execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`, "-subj", "/CN=x", "-addext", `subjectAltName=${names}`], { stdio: "ignore" });

  for (const [names, works] of [["IP:127.0.0.1", true], ["DNS:another.test", false]] as const) {
    test(`one for ${names} ${works ? "lets in" : "is refused, though its authority is known"}`, async () => {
      const folder = newFolder();
      certificate(folder, names);
      const inner = holding();
      const seen: string[] = [];
      const server = Bun.serve({
        hostname: "127.0.0.1", port: 0, tls: { cert: readFileSync(`${folder}/cert.pem`, "utf8"), key: readFileSync(`${folder}/key.pem`, "utf8") },
        fetch(request) {
          const url = new URL(request.url);
          seen.push(url.pathname);
          return fetch(`http://${inner.address}${url.pathname}${url.search}`, { method: request.method, headers: request.headers });
        },
      });
      stops.push(() => void server.stop(true));
      mkdirSync(`${folder}/certs`);
      writeFileSync(`${folder}/certs/ca.crt`, readFileSync(`${folder}/cert.pem`));
      const ran = await skopeo("copy", "--src-cert-dir", `${folder}/certs`, "--src-creds", "me:SECRET", `docker://127.0.0.1:${server.port}/image`, `dir:${folder}/dir`);
      expect(ran.status === 0).toBe(works);
      if (works) return expect(digestIn(`${folder}/dir`)).toBe(image.digest);
      expectNothing(ran, `${folder}/dir`);
      expect(ran.err).toContain("certificate is not valid for 127.0.0.1");
      expect(seen).toEqual([]);
    });
  }
});
