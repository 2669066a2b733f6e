// Inflates a stream: gzip of several members, zstd, or nothing, told apart by the first bytes as podman does.
// Source: RFC 1952, RFC 8878. The inflating itself runs on the runtime's thread pool, beside hashing and unpacking.

import { Fault } from "../base/fault.ts";
import type { Compression } from "../base/media-types.ts";

const outputChunkBytes = 512 * 1024;

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
 * Feeds all of `input` through; `output` sees the inflated bytes, which are valid only during the call.
 * @throws Fault "layer.malformed" for broken or cut off data, and whatever `input` and `output` throw
 */
export async function inflate(input: AsyncIterable<Uint8Array>, output: (bytes: Uint8Array) => void): Promise<void> {
  let head: Uint8Array = new Uint8Array(0);
  let inflater: Inflater | undefined;
  try {
    for await (let chunk of input) {
      if (inflater === undefined) {
        if (head.length > 0) chunk = Buffer.concat([head, chunk]);
        const compression = compressionOf(chunk);
        if (compression === undefined) {
          head = chunk;
          continue;
        }
        inflater = await newInflater(compression, output);
      }
      await inflater.write(chunk);
    }
    if (inflater === undefined && head.length > 0) output(head);
    await inflater?.end();
  } finally {
    inflater?.destroy();
  }
}

interface Inflater {
  write(chunk: Uint8Array): Promise<void> | void;
  end(): Promise<void> | void;
  destroy(): void;
}

async function newInflater(compression: Compression, output: (bytes: Uint8Array) => void): Promise<Inflater> {
  if (compression === "none") return { write: output, end: () => {}, destroy: () => {} };
  const zlib = await import("node:zlib");
  const options = { chunkSize: outputChunkBytes };
  const stream = compression === "gzip" ? zlib.createGunzip(options) : zlib.createZstdDecompress(options);
  let failure: unknown;
  let wake = (): void => {};
  let ended = false;
  const settle = (): void => wake();
  const fail = (thrown: unknown): void => {
    failure ??= thrown;
    stream.destroy();
    wake();
  };
  stream.on("data", (bytes: Uint8Array) => {
    try {
      if (failure === undefined) output(bytes);
    } catch (thrown) {
      fail(thrown);
    }
  });
  stream.on("error", error => fail(brokenStream(compression, error)));
  stream.on("drain", settle);
  stream.on("close", settle);
  stream.on("end", () => {
    ended = true;
    wake();
  });
  const wait = async (): Promise<void> => {
    await new Promise<void>(resolve => (wake = resolve));
    wake = () => {};
  };
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    async write(chunk) {
      check();
      if (!ended && !stream.write(chunk)) await wait();
      check();
    },
    async end() {
      stream.end();
      while (!ended && failure === undefined) await wait();
      check();
    },
    destroy: () => void stream.destroy(),
  };
}

function brokenStream(compression: Compression, error: Error): Fault {
  return new Fault("layer.malformed", `cannot inflate the layer: broken ${compression} data (${error.message})`, {
    cause: error,
    hint: "fetch or make the layer again",
  });
}
