// Reading an answer's body: bounded, and not waiting for ever on a connection that has gone quiet.
// Source: WHATWG Streams, as web fetch gives them.

import { Fault } from "../base/fault.ts";
import { givenAway } from "../base/garbage.ts";
import type { PlainResponse } from "./plain-http.ts";
import type { WireAnswer } from "./wire.ts";

export interface Reading {
  readonly bytesMax: number;
  /** No byte for so long ends the reading. */
  readonly stallMs: number;
  /** For the fault: what was being read. */
  readonly doing: string;
}

/**
 * The whole body.
 *
 * @throws Fault "input.too-large" past `bytesMax`; what the connection throws when it drops
 */
export async function readBytes(answer: WireAnswer, reading: Reading): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(answer, reading.stallMs)) {
    size += chunk.length;
    if (size > reading.bytesMax) {
      throw new Fault("input.too-large", `${reading.doing}: the answer is larger than ${reading.bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  const announced = lengthOf(answer.response);
  const isWhole = announced === undefined || size >= announced || answer.response.headers.has("content-encoding");
  if (!isWhole) throw Object.assign(new Error("unexpected EOF"), { code: "ConnectionClosed" });
  return joined(chunks, size);
}

/** The first `bytesMax` bytes as text, for an error's body: never fails. */
export async function readStart(answer: WireAnswer, bytesMax: number, stallMs: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of bodyOf(answer, stallMs)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= bytesMax) break;
    }
  } catch {
    // A part of an error's text is better than the error of reading it.
  }
  return new TextDecoder().decode(joined(chunks, size).subarray(0, bytesMax));
}

/** The chunks as they come; leaving early ends the connection. */
export async function* bodyOf(answer: WireAnswer, stallMs: number): AsyncGenerator<Uint8Array, void, void> {
  const body = answer.response.body;
  if (!body) return answer.release();
  const reader = body.getReader();
  // Only the connection's silence counts, not the time that a slow consumer takes.
  let waitingSince: number | undefined;
  const watch = setInterval(() => {
    if (waitingSince !== undefined && Date.now() - waitingSince >= stallMs) {
      answer.abort(new DOMException("i/o timeout", "TimeoutError"));
    }
  }, Math.max(20, stallMs / 4));
  let isDone = false;
  try {
    for (;;) {
      waitingSince = Date.now();
      const { done, value } = await reader.read();
      waitingSince = undefined;
      if (done || value === undefined) break;
      yield givenAway(value);
    }
    isDone = true;
  } finally {
    clearInterval(watch);
    if (isDone) answer.release();
    else answer.abort();
  }
}

/** Content-Length, when it is a sane number. */
export function lengthOf(response: PlainResponse): number | undefined {
  const text = response.headers.get("content-length");
  return text && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
