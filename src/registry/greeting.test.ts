// The first words to a registry: who has no credentials greets by asking, and where that leaves anything open a ping decides.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { newRegistryClient, type RegistryClientOptions } from "./client.ts";
import { freePort, makeCertificates } from "../../tests/fixtures/docker-registry.ts";

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

type Answer = (path: string, headers: Headers) => Response | undefined;

function serve(answer: Answer, tls?: { readonly key: string; readonly cert: string }): { host: string; seen: string[] } {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1", port: 0, ...(tls ? { tls } : {}),
    fetch(request) {
      const { pathname } = new URL(request.url);
      seen.push(pathname);
      return answer(pathname, request.headers) ?? (pathname === "/v2/" ? new Response("{}") : Response.json({ tags: ["x"] }));
    },
  });
  stops.push(() => void server.stop(true));
  return { host: `127.0.0.1:${server.port}`, seen };
}

function tagsOf(host: string, more: Partial<RegistryClientOptions> = {}): Promise<string[]> {
  return newRegistryClient({ host, retry: { delayMs: 1, attemptsMax: 3 }, ...more }).tags("a");
}

const plain = { scheme: "http" } as const;
const challenge = (): Response => new Response("", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } });

test("a stranger's first request is all that is sent", async () => {
  const { host, seen } = serve(() => undefined);
  expect(await tagsOf(host, plain)).toEqual(["x"]);
  expect(seen).toEqual(["/v2/a/tags/list"]);
});

test("who has credentials greets first, and never asks as a stranger", async () => {
  const { host, seen } = serve((_, headers) => (headers.has("authorization") ? undefined : challenge()));
  expect(await tagsOf(host, { ...plain, credentials: { username: "u", password: "p" } })).toEqual(["x"]);
  expect(seen).toEqual(["/v2/", "/v2/a/tags/list"]);
});

test("what a stranger does not find is asked for again after a greeting", async () => {
  const { host, seen } = serve(path => (path === "/v2/" ? undefined : new Response("", { status: 404 })));
  await expect(tagsOf(host, plain)).rejects.toMatchObject({ message: expect.stringContaining("fetching tags list") });
  expect(seen).toEqual(["/v2/a/tags/list", "/v2/", "/v2/a/tags/list"]);
});

test("what is no registry is called so, as by a ping", async () => {
  const { host } = serve(() => new Response("what?", { status: 404 }));
  await expect(tagsOf(host, plain)).rejects.toMatchObject({ message: expect.stringContaining("pinging container registry") });
  const nobody = `127.0.0.1:${freePort()}`;
  const said = `pinging container registry ${nobody}: Get "http://${nobody}/v2/": dial tcp ${nobody}: connect: connection refused`;
  await expect(tagsOf(nobody, plain)).rejects.toMatchObject({ code: "registry.unreachable", message: said });
});

test("an insecure port is found to speak plain HTTP once, and is asked so from then on", async () => {
  const { host, seen } = serve(() => undefined);
  const schemes: string[] = [];
  expect(await tagsOf(host, { insecure: true, onScheme: scheme => schemes.push(scheme) })).toEqual(["x"]);
  expect([schemes, seen]).toEqual([["http"], ["/v2/", "/v2/a/tags/list"]]);
  expect(await tagsOf(host, { insecure: true, wasPlain: true, onScheme: scheme => schemes.push(scheme) })).toEqual(["x"]);
  expect([schemes, seen.slice(2)]).toEqual([["http"], ["/v2/a/tags/list"]]);
});

test("a port that has come to speak TLS is found out, and a memory of plain HTTP means nothing without --tls-verify=false", async () => {
  const folder = mkdtempSync(`${tmpdir()}/coracle-greeting-`);
  stops.push(() => rmSync(folder, { recursive: true }));
  makeCertificates(folder);
  const { host } = serve(() => undefined, { key: readFileSync(`${folder}/server.key`, "utf8"), cert: readFileSync(`${folder}/server.crt`, "utf8") });
  const schemes: string[] = [];
  expect(await tagsOf(host, { insecure: true, wasPlain: true, onScheme: scheme => schemes.push(scheme) })).toEqual(["x"]);
  expect(schemes).toEqual(["https"]);
  const { host: open } = serve(() => undefined);
  await expect(tagsOf(open, { wasPlain: true })).rejects.toMatchObject({ message: expect.stringContaining("server gave HTTP response to HTTPS client") });
});
