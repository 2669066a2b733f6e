// A blob that lies in a file is sent from there, whole or not at all, and again after a drop.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { digestOf } from "../base/digest.ts";
import { newRegistryClient, type PushAnswer } from "./client.ts";

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

const bytes = new Uint8Array(3_000_000).map((_, at) => at * 7919 >> 3);
const digest = digestOf(bytes);

function fileOf(content: Uint8Array): string {
  const folder = mkdtempSync(`${tmpdir()}/coracle-upload-`);
  stops.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/blob`, content);
  return `${folder}/blob`;
}

interface Server {
  readonly host: string;
  /** The bodies of the PUTs that came whole, by digest and announced length. */
  readonly got: string[];
  /** Connections cut in the middle of a PUT from now on. */
  drops: number;
  refuses: boolean;
}

async function serve(): Promise<Server> {
  const state: Server = { host: "", got: [], drops: 0, refuses: false };
  const server = createServer(socket => {
    let all: Buffer = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (part: Uint8Array) => {
      all = Buffer.concat([all, part]);
      for (let end = all.indexOf("\r\n\r\n"); end >= 0; end = all.indexOf("\r\n\r\n")) {
        const head = all.subarray(0, end).toString();
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (head.startsWith("PUT") && state.drops > 0 && all.length > end + 100_000) {
          state.drops--;
          return void socket.destroy();
        }
        if (all.length < end + 4 + length) return;
        const body = all.subarray(end + 4, end + 4 + length);
        all = all.subarray(end + 4 + length);
        const isPut = head.startsWith("PUT");
        if (isPut) state.got.push(`${digestOf(new Uint8Array(body))} ${length}`);
        const status = isPut ? (state.refuses ? "400 Bad Request" : "201 Created") : head.startsWith("POST") ? "202 Accepted" : "200 OK";
        socket.write(`HTTP/1.1 ${status}\r\nLocation: /v2/a/blobs/uploads/1\r\nContent-Length: 0\r\n\r\n`);
      }
    });
  });
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  stops.push(() => void server.close());
  return Object.assign(state, { host: `127.0.0.1:${(server.address() as { port: number }).port}` });
}

let opened = 0;
async function* streamed(): AsyncGenerator<Uint8Array> {
  opened++;
  yield bytes;
}

function push({ host }: Server, file: string, signal?: AbortSignal): Promise<PushAnswer> {
  opened = 0;
  const client = newRegistryClient({ host, scheme: "http", retry: { delayMs: 1, attemptsMax: 3 } });
  return client.pushBlob("a", async () => streamed(), { digest, size: bytes.length, file, ...(signal ? { signal } : {}) });
}

test("a file goes out in one request, and nothing is read of the stream beside it", async () => {
  const server = await serve();
  expect(await push(server, fileOf(bytes))).toEqual({ digest, size: bytes.length });
  expect([server.got, opened]).toEqual([[`${digest} ${bytes.length}`], 0]);
});

test("after a drop it is sent again, and given up in the end", async () => {
  const server = await serve();
  server.drops = 2;
  expect(await push(server, fileOf(bytes))).toEqual({ digest, size: bytes.length });
  expect(server.got).toEqual([`${digest} ${bytes.length}`]);
  server.drops = 9;
  await expect(push(server, fileOf(bytes))).rejects.toMatchObject({ code: "registry.unreachable" });
});

test("a refusal is not repeated", async () => {
  const server = await serve();
  server.refuses = true;
  await expect(push(server, fileOf(bytes))).rejects.toMatchObject({ code: "registry.failed" });
  expect(server.got).toHaveLength(1);
});

for (const [what, file] of [["of another size", () => fileOf(bytes.subarray(1))], ["that is gone", () => "/nowhere/blob"]] as const) {
  test(`a file ${what} is left aside for the stream`, async () => {
    const server = await serve();
    expect(await push(server, file())).toEqual({ digest, size: bytes.length });
    expect([server.got, opened]).toEqual([[`${digest} ${bytes.length}`], 1]);
  });
}

test("a copy that has failed elsewhere ends it", async () => {
  const server = await serve();
  const stop = new AbortController();
  stop.abort();
  await expect(push(server, fileOf(bytes), stop.signal)).rejects.toThrow();
  expect(server.got).toEqual([]);
});
