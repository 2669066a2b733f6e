// The same misbehaviour over TLS, where requests go by fetch and not over connections of our own.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createServer } from "node:tls";
import { makeCertificates } from "../../tests/fixtures/docker-registry.ts";
import { digestOf } from "../base/digest.ts";
import { limits } from "../base/limits.ts";
import { newRegistryClient, type RegistryClient, type RegistryClientOptions } from "./client.ts";

const folder = mkdtempSync(`${tmpdir()}/coracle-tls-`);
const stops: (() => void)[] = [() => rmSync(folder, { recursive: true })];
let identity = { key: "", cert: "" };

beforeAll(() => {
  makeCertificates(folder);
  identity = { key: readFileSync(`${folder}/server.key`, "utf8"), cert: readFileSync(`${folder}/server.crt`, "utf8") };
});
afterAll(() => stops.forEach(stop => stop()));

type Answer = (request: Request, url: URL) => Response | undefined;

function serve(answer: Answer): { readonly host: string; readonly seen: Request[] } {
  const seen: Request[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1", port: 0, tls: identity, idleTimeout: 20,
    fetch(request) {
      seen.push(request.clone() as Request);
      const url = new URL(request.url);
      return answer(request, url) ?? (url.pathname === "/v2/" ? new Response("{}") : new Response("no", { status: 404 }));
    },
  });
  stops.push(() => void server.stop(true));
  return { host: `127.0.0.1:${server.port}`, seen };
}

const clientOf = (host: string, more: Partial<RegistryClientOptions> = {}): RegistryClient =>
  newRegistryClient({ host, scheme: "https", insecure: true, retry: { delayMs: 1, attemptsMax: 3 }, ...more });

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const piece of stream) parts.push(piece.slice());
  return Buffer.concat(parts).toString("latin1");
}

const big = "0123456789".repeat(5000);

test("a dropped connection is taken up at its byte", async () => {
  const ranges: string[] = [];
  const server = createServer(identity, socket => {
    socket.on("error", () => undefined);
    socket.on("data", bytes => {
      const head = bytes.toString("latin1");
      const range = /range: bytes=(\d+)-/i.exec(head)?.[1];
      ranges.push(range ?? "");
      const rest = big.slice(Number(range ?? 0));
      const status = range ? `206 Partial Content\r\nContent-Range: bytes ${range}-${big.length - 1}/${big.length}` : "200 OK";
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${rest.length}\r\nConnection: close\r\n\r\n${rest.slice(0, 20_000)}`, () => setTimeout(() => socket.destroy(), 50));
    });
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => void server.close());
  const client = clientOf(`127.0.0.1:${(server.address() as { port: number }).port}`);
  expect(await textOf((await client.blob("a", digestOf(big), { size: big.length })).stream)).toBe(big);
  // A reset can overtake the answer's head: then the same is asked for once more.
  expect([...new Set(ranges)]).toEqual(["", "20000", "40000"]);
});

test("a body that stalls counts as dropped", async () => {
  const { host } = serve((request, url) => {
    if (!url.pathname.includes("/blobs/")) return undefined;
    if (request.headers.has("range")) return new Response("lo", { status: 206, headers: { "Content-Range": "bytes 3-4/5" } });
    return new Response(new ReadableStream({ start: controller => controller.enqueue(new TextEncoder().encode("hel")) }));
  });
  expect(await textOf((await clientOf(host, { stallMs: 60 }).blob("a", digestOf("hello"), { size: 5 })).stream)).toBe("hello");
});

test("a redirect elsewhere is followed without credentials, and not to plain HTTP where that is not allowed", async () => {
  const other = serve(() => new Response("hello"));
  const { host } = serve((request, url) => {
    if (!request.headers.has("authorization")) return new Response("", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } });
    return url.pathname === "/v2/" ? undefined : Response.redirect(`https://${other.host}/blob`, 307);
  });
  const credentials = { username: "u", password: "p" };
  expect(await textOf((await clientOf(host, { credentials }).blob("a", digestOf("hello"))).stream)).toBe("hello");
  expect(other.seen.map(request => request.headers.get("authorization"))).toEqual([null]);
  const down = serve((_, url) => (url.pathname === "/v2/" ? undefined : Response.redirect("http://127.0.0.1:1/x", 307)));
  process.env["SSL_CERT_FILE"] = `${folder}/ca.crt`;
  try {
    await expect(clientOf(down.host, { insecure: false }).tags("a")).rejects.toMatchObject({ code: "registry.malformed", message: expect.stringContaining("redirected from https to http:") });
  } finally {
    delete process.env["SSL_CERT_FILE"];
  }
});

test("what is unwell for the moment is asked again, and what is too large is refused", async () => {
  let asked = 0;
  const { host } = serve((_, url) => {
    if (url.pathname.includes("/manifests/")) return new Response(new Uint8Array(limits.manifestBytesMax + 1));
    return url.pathname.includes("/tags/") ? (++asked < 3 ? new Response("", { status: 503 }) : Response.json({ tags: ["x"] })) : undefined;
  });
  expect([await clientOf(host).tags("a"), asked]).toEqual([["x"], 3]);
  await expect(clientOf(host).manifest("a", "v1")).rejects.toMatchObject({ code: "input.too-large" });
});
