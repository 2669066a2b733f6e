// Inflates a stream: gzip of several members, zstd, or nothing, told apart by the first bytes as podman does.
// Source: RFC 1952, RFC 8878. One output buffer is used again and again: the streams of node:zlib make a fresh one for
// each chunk, which costs 60 MB of memory more; so their handle is called directly (the runtime's version is pinned).

import { Fault } from "../base/fault.ts";
import type { Compression } from "../base/media-types.ts";

const outputBytes = 64 * 1024;

/** By magic number; undefined while there are too few bytes to tell. @throws Fault "image.unsupported" for xz and bzip2 */
export function compressionOf(bytes: Uint8Array): Compression | undefined {
  if (bytes.length < 6) return undefined;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return "zstd";
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, 6).toString("latin1");
  if (text === "\xfd7zXZ\0" || text.startsWith("BZh")) {
    throw new Fault("image.unsupported", "cannot unpack the layer: it is compressed by xz or bzip2", {
      hint: "compress it with gzip or zstd",
    });
  }
  return "none";
}

/**
 * Feeds all of `input` through; `output` sees the inflated bytes, which are valid only during the call. Input chunks
 * may be used again by their owner once the next one is asked for.
 * @throws Fault "layer.malformed" for broken or cut off data, and whatever `input` and `output` throw
 */
export async function inflate(input: AsyncIterable<Uint8Array>, output: (bytes: Uint8Array) => void): Promise<void> {
  using inflation = new Inflation(output);
  for await (const chunk of input) inflation.push(chunk);
  inflation.end();
}

/** The same, for who has the chunks at hand: they may be used again after each push. */
export class Inflation implements Disposable {
  readonly #output: (bytes: Uint8Array) => void;
  /** Too few to tell the compression by. */
  #head: Uint8Array = new Uint8Array(0);
  #inflater: Inflater | undefined;
  #isPlain = true;

  constructor(output: (bytes: Uint8Array) => void) {
    this.#output = output;
  }

  push(chunk: Uint8Array): void {
    if (this.#inflater === undefined) {
      const begun = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
      const compression = compressionOf(begun);
      if (compression === undefined) {
        this.#head = Uint8Array.from(begun);
        return;
      }
      this.#isPlain = compression === "none";
      this.#inflater = newInflater(compression, this.#output);
      return this.#inflater.write(begun);
    }
    this.#inflater.write(chunk);
  }

  /** Whether the output is the input; known while there is output. */
  get isPlain(): boolean {
    return this.#isPlain;
  }

  end(): void {
    if (this.#inflater === undefined && this.#head.length > 0) this.#output(this.#head);
    this.#inflater?.end();
  }

  [Symbol.dispose](): void {
    this.#inflater?.close();
  }
}

interface Inflater {
  write(chunk: Uint8Array): void;
  end(): void;
  close(): void;
}

/** What lies under a stream of node:zlib. */
interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  writeSync(flush: number, input: Uint8Array, at: number, size: number, output: Uint8Array, outputAt: number, outputSize: number): void;
}

interface Stream {
  readonly _handle: Handle;
  /** Bytes left of the output and of the input after a call. */
  readonly _writeState: Uint32Array;
  close(): void;
}

function newInflater(compression: Compression, output: (bytes: Uint8Array) => void): Inflater {
  if (compression === "none") return { write: output, end: () => {}, close: () => {} };
  // Only now: loading it takes longer than most commands.
  const zlib = process.getBuiltinModule("node:zlib");
  const made: unknown = compression === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress();
  const stream = made as Stream;
  const { _handle: handle, _writeState: state } = stream;
  const buffer = new Uint8Array(outputBytes);
  let failure: string | undefined;
  let isOver = false;
  handle.onerror = message => (failure = message);
  const run = (flush: number, chunk: Uint8Array): void => {
    for (let left = chunk.length; !isOver; ) {
      handle.writeSync(flush, chunk, chunk.length - left, left, buffer, 0, outputBytes);
      if (failure !== undefined) throw broken(compression, failure);
      const have = outputBytes - state[0]!;
      if (have > 0) output(buffer.subarray(0, have));
      left = state[1]!;
      if (state[0] !== 0) {
        // What is left over is no further member: as other programs do, it is not looked at.
        isOver = left > 0;
        return;
      }
    }
  };
  return {
    write: chunk => run(0, chunk),
    end: () => run(compression === "gzip" ? zlib.constants.Z_FINISH : zlib.constants.ZSTD_e_end, new Uint8Array(0)),
    close: () => stream.close(),
  };
}

const broken = (compression: Compression, message: string): Fault =>
  new Fault("layer.malformed", `cannot inflate the layer: broken ${compression} data (${message})`, {
    hint: "fetch or make the layer again",
  });
