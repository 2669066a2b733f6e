// One answer out of the bytes of a connection, however they are cut.

import { expect, test } from "bun:test";
import { AnswerReader } from "./answer-reader.ts";

interface Read {
  readonly status: number | undefined;
  readonly text: string;
  readonly isDone: boolean;
  readonly keepsAlive: boolean;
}

/** @param cut bytes of each piece that the connection gives */
function read(bytes: string, { method = "GET", cut = Infinity, ends = false } = {}): Read {
  const seen = { status: undefined as number | undefined, text: "", isDone: false };
  const reader = new AnswerReader(method, {
    onHead: head => void (seen.status = head.status),
    onPiece: piece => void (seen.text += Buffer.from(piece).toString("latin1")),
    onEnd: () => void (seen.isDone = true),
  });
  const all = Buffer.from(bytes, "latin1");
  for (let at = 0; at < all.length; at += cut) reader.push(new Uint8Array(all.subarray(at, at + cut)));
  if (ends) reader.end();
  return { ...seen, keepsAlive: reader.keepsAlive };
}

const whole = { status: 200, text: "hello", isDone: true, keepsAlive: true };
const good: readonly (readonly [string, string, Partial<Read>, { method?: string; ends?: boolean }?])[] = [
  ["of a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", whole],
  ["without a reason", "HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", whole],
  ["with bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", whole],
  ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: a\r\n\r\n", whole],
  ["in chunks and of a length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", whole],
  ["after an interim one", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", whole],
  ["until the end", "HTTP/1.1 200 OK\r\n\r\nhello", { ...whole, keepsAlive: false }, { ends: true }],
  ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", { ...whole, keepsAlive: false }],
  ["that closes", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello", { ...whole, keepsAlive: false }],
  ["followed by more than was asked for", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1", { ...whole, keepsAlive: false }],
  ["to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", { ...whole, text: "" }, { method: "HEAD" }],
  ["without content", "HTTP/1.1 204 No Content\r\n\r\n", { ...whole, status: 204, text: "" }],
  ["of no bytes", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", { ...whole, status: 202, text: "" }],
  ["with its length said twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", whole],
];

for (const [what, bytes, expected, how] of good) {
  test(`an answer ${what} is read, whole and in pieces of any size`, () => {
    for (const cut of [1, 2, 3, 7, Infinity]) expect(read(bytes, { ...how, cut })).toMatchObject(expected);
  });
}

const bad: readonly (readonly [string, string])[] = [
  ["no HTTP", "\x15\x03\x01\x00\x02\x02\x16\r\n\r\n"],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a header without a colon", "HTTP/1.1 200 OK\r\nContent-Length 5\r\n\r\nhello"],
  ["a folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"],
  ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["a chunk of no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"],
  ["a chunk that is longer than it says", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n"],
  ["a head without end", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(20_000)}`],
  ["a chunk's size without end", `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"0".repeat(10_000)}`],
];

for (const [what, bytes] of bad) {
  test(`${what} is no answer`, () => {
    for (const cut of [bytes.length > 1000 ? 100 : 1, Infinity]) expect(() => read(bytes, { cut })).toThrow(expect.objectContaining({ code: "HPE_INVALID" }));
  });
}

test("a connection that ends within the answer is said to", () => {
  for (const part of ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"]) {
    expect(() => read(part, { ends: true })).toThrow(expect.objectContaining({ code: "ConnectionClosed" }));
  }
});
