// Reads one HTTP/1.1 answer out of the bytes of a connection, piece by piece as they come.
// Source: RFC 9112 sections 2.2, 4, 5, 6 and 7.

import { limits } from "../base/limits.ts";

export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Whether any byte follows the head. */
  readonly hasBody: boolean;
}

export interface AnswerEvents {
  onHead(head: AnswerHead): void;
  /** A piece of the body, without framing. */
  onPiece(piece: Uint8Array): void;
  onEnd(): void;
}

type Phase = "head" | "length" | "size" | "chunk" | "crlf" | "trailers" | "close" | "done";

const lineBytesMax = 4096;
const nothing = new Uint8Array(0);

/** Lives as long as one answer takes. */
export class AnswerReader {
  /** Whether the connection may carry another request once the answer has ended. */
  keepsAlive = true;
  #phase: Phase = "head";
  /** Of a head or a line that is not whole. */
  #kept: Uint8Array = nothing;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  readonly #method: string;
  readonly #events: AnswerEvents;

  /** @param method of the request, as an answer to HEAD has no body */
  constructor(method: string, events: AnswerEvents) {
    this.#method = method;
    this.#events = events;
  }

  /** @throws Error with code "HPE_INVALID" where it is no HTTP/1.1 */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0 && this.#phase !== "done") rest = this.#step(rest);
    // More than was asked for: what it belongs to is anyone's guess.
    if (rest.length > 0) this.keepsAlive = false;
  }

  /** The far side will send no more. @throws Error with code "ConnectionClosed" where the answer is not whole */
  end(): void {
    if (this.#phase === "close") this.#finish();
    else if (this.#phase !== "done") throw Object.assign(new Error("unexpected EOF"), { code: "ConnectionClosed" });
  }

  #finish(): void {
    this.#phase = "done";
    this.#events.onEnd();
  }

  /** Gives what it leaves for the next one. */
  #step(bytes: Uint8Array): Uint8Array {
    if (this.#phase === "length" || this.#phase === "chunk" || this.#phase === "close") return this.#body(bytes);
    const found = this.#phase === "head" ? this.#until(bytes, headEnd, limits.headBytesMax) : this.#until(bytes, lineEnd, lineBytesMax);
    if (found === undefined) return nothing;
    if (this.#phase === "head") this.#head(found.text);
    else this.#line(found.text);
    return found.rest;
  }

  #body(bytes: Uint8Array): Uint8Array {
    if (this.#phase === "close") {
      this.#events.onPiece(bytes);
      return nothing;
    }
    const piece = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    this.#events.onPiece(piece);
    if (this.#left === 0) {
      if (this.#phase === "chunk") this.#phase = "crlf";
      else this.#finish();
    }
    return bytes.subarray(piece.length);
  }

  /** A head or line, once it is whole. */
  #until(bytes: Uint8Array, end: (text: Buffer, from: number) => number, bytesMax: number): { text: string; rest: Uint8Array } | undefined {
    const all = this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    // What was kept has no end in it, but may have the start of one.
    const at = end(Buffer.from(all.buffer, all.byteOffset, all.length), Math.max(0, this.#kept.length - 3));
    if ((at < 0 ? all.length : at) > bytesMax) throw invalid("a head or line that is too long");
    this.#kept = at < 0 ? all : nothing;
    return at < 0 ? undefined : { text: Buffer.from(all.buffer, all.byteOffset, at).toString("latin1"), rest: all.subarray(at) };
  }

  #head(text: string): void {
    const { status, statusText, headers, keepsAlive } = readHead(text);
    // Such as 100 Continue: the answer itself follows.
    if (status < 200) return;
    const framing = framingOf(this.#method, status, headers);
    this.#phase = framing.phase;
    this.#left = framing.left;
    this.keepsAlive = keepsAlive && framing.phase !== "close";
    this.#events.onHead({ status, statusText, headers, hasBody: framing.phase !== "done" });
    if (framing.phase === "done") this.#finish();
  }

  /** Of a body in chunks. */
  #line(text: string): void {
    const isEmpty = text.trim() === "";
    if (this.#phase === "size") {
      this.#left = chunkSize(text);
      this.#phase = this.#left === 0 ? "trailers" : "chunk";
    } else if (this.#phase === "trailers") {
      if (isEmpty) this.#finish();
    } else {
      if (!isEmpty) throw invalid("a chunk longer than it says");
      this.#phase = "size";
    }
  }
}

const invalid = (what: string): Error => Object.assign(new Error(`malformed HTTP response: ${what}`), { code: "HPE_INVALID" });

/** After the empty line; a line may end without a carriage return. */
function headEnd(text: Buffer, from: number): number {
  for (let at = text.indexOf(10, from); at >= 0 && at + 1 < text.length; at = text.indexOf(10, at + 1)) {
    if (text[at + 1] === 10) return at + 2;
    if (text[at + 1] === 13 && text[at + 2] === 10) return at + 3;
  }
  return -1;
}

interface ParsedHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly keepsAlive: boolean;
}

const lineEnd = (text: Buffer, from: number): number => text.indexOf(10, from) + 1 || -1;

function readHead(text: string): ParsedHead {
  const [first = "", ...lines] = text.split(/\r?\n/);
  const [, minor, status, statusText = ""] = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/.exec(first) ?? [];
  if (status === undefined) throw invalid(JSON.stringify(first.slice(0, 80)));
  const headers = new Headers();
  for (const line of lines) {
    if (line === "") continue;
    const [, name, value = ""] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0]*)$/.exec(line) ?? [];
    if (name === undefined) throw invalid(`header ${JSON.stringify(line.slice(0, 80))}`);
    headers.append(name, value.trimEnd());
  }
  const connection = (headers.get("connection") ?? "").toLowerCase();
  const keepsAlive = minor === "1" ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection);
  return { status: Number(status), statusText, headers, keepsAlive };
}

function framingOf(method: string, status: number, headers: Headers): { phase: Phase; left: number } {
  if (method === "HEAD" || status === 204 || status === 304) return { phase: "done", left: 0 };
  const coding = headers.get("transfer-encoding");
  if (coding !== null) {
    if (coding.trim().toLowerCase() !== "chunked") throw invalid(`transfer encoding ${JSON.stringify(coding.slice(0, 40))}`);
    return { phase: "size", left: 0 };
  }
  const length = headers.get("content-length");
  if (length === null) return { phase: "close", left: 0 };
  const lengths = new Set(length.split(",").map(one => one.trim()));
  const [only = ""] = lengths;
  if (lengths.size !== 1 || !/^\d{1,15}$/.test(only)) throw invalid(`length ${JSON.stringify(length.slice(0, 40))}`);
  return { phase: Number(only) === 0 ? "done" : "length", left: Number(only) };
}

function chunkSize(line: string): number {
  const digits = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\n]*)?\r?\n$/.exec(line)?.[1];
  if (digits === undefined) throw invalid(`chunk ${JSON.stringify(line.slice(0, 40))}`);
  return Number.parseInt(digits, 16);
}
