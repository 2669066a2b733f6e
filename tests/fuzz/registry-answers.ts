// A registry that answers whatever it likes, by plain bytes on a socket: status lines, headers, chunks and bodies that do not fit together.

import { createServer, type Server } from "node:net";
import { newRegistryClient } from "../../src/registry/client.ts";
import { bytesOf, type Target } from "./target.ts";

let server: Promise<{ port: number }> | undefined;
let answer: Uint8Array = new Uint8Array();

const digest = `sha256:${"ab".repeat(32)}`;

/** Says `answer` to each request and hangs up. */
function listening(): Promise<{ port: number }> {
  return (server ??= new Promise(done => {
    const made: Server = createServer(socket => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () => socket.end(answer));
    });
    made.unref();
    made.listen(0, "127.0.0.1", () => done({ port: (made.address() as { port: number }).port }));
  }));
}

async function drained(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _piece of stream);
}

/** What is asked is chosen by the input too, so that each kind of answer meets each question. */
async function ask(input: Uint8Array): Promise<void> {
  const { port } = await listening();
  answer = input;
  const client = newRegistryClient({ host: `127.0.0.1:${port}`, scheme: "http", retry: { attemptsMax: 1, delayMs: 1 }, signal: AbortSignal.timeout(2000) });
  const questions: (() => Promise<unknown>)[] = [
    () => client.manifest("a/b", "t"), () => client.headManifest("a/b", digest), () => client.tags("a/b"), () => client.catalog(10), () => client.login(),
    () => client.blob("a/b", digest as never).then(({ stream }) => drained(stream)), () => client.referrers("a/b", digest as never), () => client.hasBlob("a/b", digest as never),
    () => client.search("a", 5), () => client.putManifest("a/b", "t", { bytes: new Uint8Array(2), mediaType: "application/vnd.oci.image.manifest.v1+json" }),
    () => client.pushBlob("a/b", new Uint8Array(3)),
  ];
  const chosen = questions[input.reduce((sum, byte) => (sum * 31 + byte) % 9973, 7) % questions.length]!;
  try {
    await chosen();
  } catch (thrown) {
    // Our own bound of time, not theirs: it says that the client would have waited on.
    if ((thrown as Error).name !== "TimeoutError") throw thrown;
    throw new Error("it still waited after two seconds for an answer that had ended");
  }
}

const http = (status: string, headers: readonly string[], body: string): string => `HTTP/1.1 ${status}\r\n${headers.map(line => `${line}\r\n`).join("")}\r\n${body}`;
const manifest = JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: { mediaType: "a/b", digest, size: 1 }, layers: [] });

export const registryAnswers: Target = {
  name: "registry answers",
  samples: bytesOf([
    http("200 OK", ["Content-Type: application/vnd.oci.image.manifest.v1+json", `Docker-Content-Digest: ${digest}`, `Content-Length: ${manifest.length}`], manifest),
    http("401 Unauthorized", ['WWW-Authenticate: Bearer realm="http://127.0.0.1:1/t",service="s"', "Content-Length: 2"], "{}"),
    http("307 Temporary Redirect", ["Location: http://127.0.0.1:1/elsewhere"], ""),
    http("200 OK", ["Transfer-Encoding: chunked", "Link: </v2/a/b/tags/list?last=x>; rel=\"next\""], '12\r\n{"tags":["a","b"]}\r\n0\r\n\r\n'),
    http("202 Accepted", ["Location: /v2/a/b/blobs/uploads/1?x=y", "Range: 0-2", "OCI-Chunk-Min-Length: 1"], ""),
    http("206 Partial Content", ["Content-Range: bytes 1-2/3", "Content-Encoding: gzip"], "ab"),
    http("404 Not Found", ["Content-Type: application/json"], '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"m","detail":{}}]}'),
    http("429 Too Many Requests", ["Retry-After: 99999999"], ""),
    http("200 OK", ["Content-Type: application/vnd.oci.image.index.v1+json"], '{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"x","size":-1}]}'),
  ]),
  words: ["\r\n", "\r\n\r\n", "HTTP/1.1 ", "Content-Length: ", "Content-Length: -1\r\n", "Location: ", "//", "file:///etc/passwd", "\0", "{", "[", "Content-Encoding: br\r\n", "Content-Encoding: zstd\r\n", "WWW-Authenticate: Basic\r\n",
    "Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n", "sha256:", "100 Continue\r\n\r\n", "304 Not Modified", "Set-Cookie: a=b\r\n", "Link: <>; rel=next\r\n"],
  mayRefuseSamples: true,
  take: ask,
};
