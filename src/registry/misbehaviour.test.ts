// The client against servers that misbehave: loops, limits, drops, lies, detours.

import { afterEach, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { digestOf } from "../base/digest.ts";
import { limits } from "../base/limits.ts";
import { mediaTypes } from "../base/media-types.ts";
import { newRegistryClient, type RegistryClient, type RegistryClientOptions } from "./client.ts";

type Answer = (request: Request, url: URL) => Response | Promise<Response> | undefined;
const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

/** Pings are answered 200 unless `answer` does. */
function serve(answer: Answer): { host: string; seen: Request[] } {
  const seen: Request[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 20,
    async fetch(request) {
      seen.push(request.clone() as Request);
      const url = new URL(request.url);
      return (await answer(request, url)) ?? (url.pathname === "/v2/" ? new Response("{}") : new Response("no", { status: 404 }));
    },
  });
  stops.push(() => void server.stop(true));
  return { host: `127.0.0.1:${server.port}`, seen };
}

function clientOf(host: string, more: Partial<RegistryClientOptions> = {}): RegistryClient {
  return newRegistryClient({ host, scheme: "http", retry: { delayMs: 1, attemptsMax: 3 }, ...more });
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) parts.push(chunk.slice());
  return Buffer.concat(parts);
}

const textOf = async (stream: AsyncIterable<Uint8Array>): Promise<string> => (await bytesOf(stream)).toString();

const challenge = (text: string, status = 401): Response => new Response("", { status, headers: { "WWW-Authenticate": text } });
const bearerFor = (host: string): string => `Bearer realm="http://${host}/token",service="test"`;

test("a registry that answers 401 for ever is left after one more try", async () => {
  const { host, seen } = serve((_, url) =>
    url.pathname === "/token" ? Response.json({ token: "t" }) : challenge(bearerFor(host)));
  await expect(clientOf(host).manifest("a/b", "v1")).rejects.toMatchObject({ code: "registry.denied" });
  // Without proof, with a token, with another one.
  expect(seen.filter(request => request.url.includes("/manifests/"))).toHaveLength(3);
});

test("a token is asked for once a scope and sent with every request", async () => {
  const { host, seen } = serve((request, url) => {
    if (url.pathname === "/token") return Response.json({ access_token: "good", expires_in: 300 });
    if (request.headers.get("authorization") !== "Bearer good") return challenge(bearerFor(host));
    return url.pathname.includes("/tags/") ? Response.json({ tags: [] }) : undefined;
  });
  const client = clientOf(host, { credentials: { username: "u", password: "p" } });
  await Promise.all([client.tags("a/b"), client.tags("a/b"), client.tags("a/b")]);
  const asked = seen.filter(request => request.url.includes("/token"));
  expect(asked).toHaveLength(1);
  expect(new URL(asked[0]!.url).search).toBe("?account=u&service=test&scope=repository%3Aa%2Fb%3Apull");
  expect(asked[0]!.headers.get("authorization")).toBe(`Basic ${btoa("u:p")}`);
  await client.tags("other");
  expect(seen.filter(request => request.url.includes("/token"))).toHaveLength(2);
});

test("an identity token is exchanged by POST, and no password goes out", async () => {
  const bodies: string[] = [];
  const { host } = serve(async (request, url) => {
    if (url.pathname === "/token") {
      bodies.push(`${request.method} ${await request.text()}`);
      return Response.json({ access_token: "good" });
    }
    if (request.headers.get("authorization") !== "Bearer good") return challenge(bearerFor(host));
    return Response.json({ tags: ["x"] });
  });
  expect(await clientOf(host, { credentials: { identityToken: "refresh" } }).tags("a")).toEqual(["x"]);
  expect(bodies).toEqual(["POST service=test&scope=repository%3Aa%3Apull&grant_type=refresh_token&refresh_token=refresh&client_id=coracle"]);
});

test("a scope that is missing is asked for once", async () => {
  const { host, seen } = serve((request, url) => {
    if (url.pathname === "/token") return Response.json({ token: url.searchParams.getAll("scope").join("+").replaceAll(/[^a-z+]/g, "") });
    if (!request.headers.has("authorization")) return challenge(bearerFor(host));
    if (request.headers.get("authorization")!.includes("+")) return Response.json({ tags: ["x"] });
    return challenge(`${bearerFor(host)},error="insufficient_scope",scope="repository:base:pull"`);
  });
  expect(await clientOf(host).tags("a")).toEqual(["x"]);
  expect(seen.filter(request => request.url.includes("/token"))).toHaveLength(2);
});

for (const [what, token] of [["no JSON", "<html>"], ["no token", "{}"], ["a header break", '{"token":"a\\r\\nX: y"}'], ["too much", `{"token":"${"x".repeat(limits.tokenBytesMax)}"}`]] as const) {
  test(`a token answer with ${what} is refused`, async () => {
    const { host } = serve((_, url) => (url.pathname === "/token" ? new Response(token) : challenge(bearerFor(host))));
    await expect(clientOf(host).tags("a")).rejects.toMatchObject({ code: expect.stringMatching(/registry.malformed|input.too-large/) });
  });
}

for (const realm of ["", "file:///etc/passwd", "nonsense"]) {
  test(`a token is not asked for at "${realm}"`, async () => {
    const { host } = serve(() => challenge(`Bearer realm="${realm}"`));
    await expect(clientOf(host).tags("a")).rejects.toMatchObject({ code: "registry.malformed" });
  });
}

test("429 is waited for as Retry-After says, then given up", async () => {
  let left = 2;
  const { host, seen } = serve((_, url) => {
    if (!url.pathname.includes("/tags/")) return undefined;
    return left-- > 0 ? new Response("", { status: 429, headers: { "Retry-After": "0" } }) : Response.json({ tags: ["x"] });
  });
  expect(await clientOf(host).tags("a")).toEqual(["x"]);
  left = 99;
  await expect(clientOf(host).tags("a")).rejects.toMatchObject({ code: "registry.failed", message: "fetching tags list: too many requests to registry" });
  expect(seen.filter(request => request.url.includes("/tags/"))).toHaveLength(6);
});

test("500 and 503 are tried again, 400 is not", async () => {
  const statuses = [500, 503, 200, 400];
  const { host } = serve((_, url) => {
    if (!url.pathname.includes("/tags/")) return undefined;
    const status = statuses.shift()!;
    return status === 200 ? Response.json({ tags: ["x"] }) : new Response("sorry", { status });
  });
  const client = clientOf(host);
  expect(await client.tags("a")).toEqual(["x"]);
  await expect(client.tags("a")).rejects.toThrow('fetching tags list: StatusCode: 400, "sorry"');
});

/** A raw server that drops each blob connection after `cut` bytes of the body. */
async function dropping(blob: Buffer, { cut, heedsRange }: { cut: number; heedsRange: boolean }): Promise<{ host: string; ranges: string[] }> {
  const ranges: string[] = [];
  const serveOne = (socket: Socket, head: string): void => {
    if (head.startsWith("GET /v2/ ")) return void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    const range = /range: bytes=(\d+)-/i.exec(head)?.[1];
    ranges.push(range ?? "");
    const at = heedsRange ? Number(range ?? 0) : 0;
    const rest = blob.subarray(at);
    const status = at > 0 ? `206 Partial Content\r\nContent-Range: bytes ${at}-${blob.length - 1}/${blob.length}` : "200 OK";
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${rest.length}\r\nConnection: close\r\n\r\n`);
    const size = heedsRange ? cut : cut * ranges.length;
    socket.write(rest.subarray(0, size), () => setTimeout(() => (size < rest.length ? socket.destroy() : socket.end()), 10));
  };
  const server = createServer(socket => {
    let head = "";
    socket.on("error", () => undefined);
    socket.on("data", bytes => {
      head += bytes.toString("latin1");
      if (head.includes("\r\n\r\n")) serveOne(socket, head.split("\r\n\r\n")[0]!);
    });
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => void server.close());
  return { host: `127.0.0.1:${(server.address() as { port: number }).port}`, ranges };
}

const big = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index % 251));

test("a dropped connection is taken up at its byte", async () => {
  const { host, ranges } = await dropping(big, { cut: 20_000, heedsRange: true });
  const blob = await clientOf(host).blob("a", digestOf(big), { size: big.length });
  expect((await bytesOf(blob.stream)).equals(big)).toBe(true);
  expect(ranges).toEqual(["", "20000", "40000"]);
});

test("a registry that does not heed ranges is read from its start, without a byte twice", async () => {
  const { host, ranges } = await dropping(big, { cut: 20_000, heedsRange: false });
  const blob = await clientOf(host).blob("a", digestOf(big));
  expect((await bytesOf(blob.stream)).equals(big)).toBe(true);
  expect(ranges).toEqual(["", "20000", "40000"]);
});

test("a connection that drops without a byte more is given up", async () => {
  const { host, ranges } = await dropping(big, { cut: 0, heedsRange: true });
  const blob = await clientOf(host).blob("a", digestOf(big));
  await expect(textOf(blob.stream)).rejects.toMatchObject({ code: "registry.unreachable", message: expect.stringContaining("fetching blob: ") });
  expect(ranges.length).toBe(3);
});

test("a body that stalls counts as dropped", async () => {
  const { host, seen } = serve((request, url) => {
    if (!url.pathname.includes("/blobs/")) return undefined;
    if (request.headers.has("range")) return new Response("lo", { status: 206, headers: { "Content-Range": "bytes 3-4/5" } });
    const body = new ReadableStream({ start: controller => controller.enqueue(new TextEncoder().encode("hel")) });
    return new Response(body);
  });
  const blob = await clientOf(host, { stallMs: 60 }).blob("a", digestOf("hello"), { size: 5 });
  expect(await textOf(blob.stream)).toBe("hello");
  expect(seen.at(-1)!.headers.get("range")).toBe("bytes=3-");
});

test("a slow reader is no stalled connection", async () => {
  const { host } = serve((_, url) => (url.pathname.includes("/blobs/") ? new Response(big) : undefined));
  const blob = await clientOf(host, { stallMs: 60 }).blob("a", digestOf(big));
  let size = 0;
  for await (const chunk of blob.stream) {
    size += chunk.length;
    await Bun.sleep(size === chunk.length ? 150 : 0);
  }
  expect(size).toBe(big.length);
});

for (const [what, wish] of [["too long", { size: 3 }], ["too short", { size: 9 }], ["changed", {}]] as const) {
  test(`a blob that is ${what} is refused`, async () => {
    const { host } = serve((_, url) => (url.pathname.includes("/blobs/") ? new Response("hallo") : undefined));
    const read = clientOf(host).blob("a", digestOf("hello"), wish).then(blob => textOf(blob.stream));
    await expect(read).rejects.toMatchObject({ code: "digest.mismatch" });
  });
}

test("a blob of unannounced length that grows past its size is cut off", async () => {
  const endless = (): ReadableStream => new ReadableStream({ pull: controller => controller.enqueue(new Uint8Array(1000)) });
  const { host } = serve((_, url) => (url.pathname.includes("/blobs/") ? new Response(endless()) : undefined));
  const blob = await clientOf(host).blob("a", digestOf("x"), { size: 5000, verify: false });
  await expect(textOf(blob.stream)).rejects.toMatchObject({ code: "digest.mismatch" });
});

test("a redirect elsewhere is followed without credentials", async () => {
  const other = serve(() => new Response("hello"));
  const { host, seen } = serve((request, url) => {
    if (url.pathname === "/v2/") return challenge('Basic realm="x"');
    if (!request.headers.has("authorization")) return challenge('Basic realm="x"');
    return Response.redirect(`http://${other.host}/blob?signature=secret`, 307);
  });
  const client = clientOf(host, { credentials: { username: "u", password: "p" } });
  expect(await textOf((await client.blob("a", digestOf("hello"))).stream)).toBe("hello");
  expect(seen.at(-1)!.headers.get("authorization")).toBe(`Basic ${btoa("u:p")}`);
  expect(other.seen.map(request => request.headers.get("authorization"))).toEqual([null]);
});

test("redirects in a circle end", async () => {
  const { host, seen } = serve((_, url) => (url.pathname === "/v2/" ? undefined : Response.redirect(url.href, 302)));
  await expect(clientOf(host).tags("a")).rejects.toMatchObject({ code: "registry.malformed", message: expect.stringContaining("redirects") });
  expect(seen.length).toBe(limits.redirectsMax + 1);
});

for (const to of ["file:///etc/passwd", "gopher://x", "http://["]) {
  test(`a redirect to ${to} is not followed`, async () => {
    const { host } = serve((_, url) =>
      url.pathname === "/v2/" ? undefined : new Response("", { status: 302, headers: { Location: to } }));
    await expect(clientOf(host).tags("a")).rejects.toMatchObject({ code: "registry.malformed" });
  });
}

test("a signed address is not shown in an error", async () => {
  const { host } = serve((_, url) =>
    url.pathname === "/v2/" ? undefined : Response.redirect("http://127.0.0.1:1/x?signature=secret", 302));
  const thrown = await clientOf(host).blob("a", digestOf("x")).catch(String);
  expect(thrown).toContain("connection refused");
  expect(thrown).not.toContain("secret");
});

test("a manifest too large is refused", async () => {
  const huge = new Uint8Array(limits.manifestBytesMax + 1);
  const { host } = serve((_, url) => (url.pathname.includes("/manifests/") ? new Response(huge) : undefined));
  await expect(clientOf(host).manifest("a", "v1")).rejects.toMatchObject({ code: "input.too-large" });
});

test("a manifest that is not what its digest says is refused", async () => {
  const { host } = serve((_, url) => (url.pathname.includes("/manifests/") ? new Response("{}") : undefined));
  await expect(clientOf(host).manifest("a", digestOf("other"))).rejects.toMatchObject({ code: "digest.mismatch" });
});

test("a manifest by tag must have the digest that the registry announces", async () => {
  const headers = { "Content-Type": `${mediaTypes.ociManifest}; charset=utf-8`, "Docker-Content-Digest": digestOf("other") };
  const { host } = serve((_, url) => (url.pathname.includes("/manifests/") ? new Response("{}", { headers }) : undefined));
  await expect(clientOf(host).manifest("a", "v1")).rejects.toMatchObject({ code: "digest.mismatch" });
});

test("pages are followed on the same registry, whatever host the link names", async () => {
  const { host } = serve((_, url) => {
    const last = url.searchParams.get("last");
    if (!url.pathname.includes("/tags/")) return undefined;
    if (last === "b") return Response.json({ tags: ["c"] });
    return Response.json({ tags: ["a", "b"] }, { headers: { Link: '<http://evil.test/v2/a/tags/list?last=b&n=2>; rel="next"' } });
  });
  expect(await clientOf(host).tags("a")).toEqual(["a", "b", "c"]);
});

test("a page that leads to itself is the last", async () => {
  const { host, seen } = serve((_, url) =>
    url.pathname.includes("/tags/") ? Response.json({ tags: ["a"] }, { headers: { Link: '</v2/a/tags/list>; rel="next"' } }) : undefined);
  expect(await clientOf(host).tags("a")).toEqual(["a"]);
  expect(seen).toHaveLength(1);
});

for (const answer of ["[]", "null", '{"tags":"x"}', '{"tags":[1]}', "{"]) {
  test(`a tag list of ${answer} is refused`, async () => {
    const { host } = serve((_, url) => (url.pathname.includes("/tags/") ? new Response(answer) : undefined));
    await expect(clientOf(host).tags("a")).rejects.toMatchObject({ code: "registry.malformed" });
  });
}

test("referrers come from the API where there is one", async () => {
  const referrer = { mediaType: mediaTypes.ociManifest, digest: digestOf("sig"), size: 3, artifactType: "application/x-sig" };
  const other = { ...referrer, artifactType: "application/x-other" };
  const { host } = serve((_, url) =>
    url.pathname.includes("/referrers/")
      ? Response.json({ schemaVersion: 2, manifests: [referrer, other] }, { headers: { "Content-Type": mediaTypes.ociIndex } })
      : undefined);
  expect(await clientOf(host).referrers("a", digestOf("x"), "application/x-sig")).toEqual([referrer]);
});

/** A raw server that answers each request by `answer`; undefined hangs up. */
async function rawServe(answer: (head: string, body: string) => string | undefined): Promise<string> {
  const server = createServer(socket => {
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", bytes => {
      text += bytes.toString("latin1");
      const [head = "", body] = text.split("\r\n\r\n", 2);
      if (body === undefined || body.length < Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) return;
      const line = answer(head, body);
      if (line === undefined) socket.destroy();
      else socket.end(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => void server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

test("a chunk of an upload is sent again from where the registry has it", async () => {
  const received: string[] = [];
  const location = "Location: /v2/a/blobs/uploads/1";
  const host = await rawServe((head, body) => {
    const range = /content-range: (\S+)/i.exec(head)?.[1];
    if (head.startsWith("PATCH")) received.push(`${range} ${body}`);
    if (range === "4-7") return undefined;
    if (head.startsWith("POST") || head.startsWith("PATCH")) return `202 Accepted\r\n${location}`;
    if (head.startsWith("GET /v2/a/")) return `204 No Content\r\n${location}\r\nRange: 0-5`;
    return head.startsWith("PUT") ? "201 Created" : "200 OK";
  });
  async function* source(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode("hello wo");
    yield new TextEncoder().encode("rld");
  }
  const pushed = await clientOf(host).pushBlob("a", source(), { chunkBytes: 4 });
  expect(pushed).toEqual({ digest: digestOf("hello world"), size: 11 });
  expect(received).toEqual(["0-3 hell", "4-7 o wo", "6-7 wo", "8-10 rld"]);
});

test("an upload is not led from https away, nor to nowhere", async () => {
  for (const location of [undefined, "http://["]) {
    const headers: Record<string, string> = location ? { Location: location } : {};
    const { host } = serve(request => (request.method === "POST" ? new Response("", { status: 202, headers }) : undefined));
    await expect(clientOf(host).pushBlob("a", new Uint8Array(3))).rejects.toMatchObject({ code: "registry.malformed" });
  }
});

test("an interrupt ends a stream and a wait", async () => {
  const control = new AbortController();
  const { host } = serve((_, url) =>
    url.pathname.includes("/blobs/") ? new Response(new ReadableStream({ start: stream => stream.enqueue(new Uint8Array(10)) })) : undefined);
  const blob = await clientOf(host, { signal: control.signal }).blob("a", digestOf("x"), { verify: false });
  setTimeout(() => control.abort(new Error("interrupted")), 20);
  await expect(textOf(blob.stream)).rejects.toThrow("interrupted");
});

test("a warning is passed on once", async () => {
  const warnings: string[] = [];
  const { host } = serve((_, url) =>
    url.pathname.includes("/tags/") ? Response.json({ tags: [] }, { headers: { Warning: '299 - "this \\"repo\\" moves"' } }) : undefined);
  const client = clientOf(host, { warn: text => warnings.push(text) });
  await client.tags("a");
  await client.tags("a");
  expect(warnings).toEqual([`Warning from registry ${host}: this "repo" moves`]);
});

test("a proxy in the environment does not catch the loopback", async () => {
  const { host } = serve((_, url) => (url.pathname.includes("/tags/") ? Response.json({ tags: ["direct"] }) : undefined));
  const environment = { HTTP_PROXY: "http://127.0.0.1:1" };
  expect(await clientOf(host, { environment }).tags("a")).toEqual(["direct"]);
});
