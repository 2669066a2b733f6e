// zstd:chunked layers: what they hold is the tar byte for byte, and table, footer and annotations lead to every file.

import { describe, expect, test } from "bun:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { digestOf } from "../../../tests/fixtures/image.ts";
import { tarOf } from "../../../tests/fixtures/tar.ts";
import { chunkedAnnotations, ChunkedWriter } from "./chunked.ts";
import { Crc64, splitEntries } from "./tar-split.ts";
import { TarPieces } from "./tar-pieces.ts";

let state = 7;
const noise = Uint8Array.from({ length: 400_000 }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24);
const files = new Map<string, Uint8Array>([["etc/small", new TextEncoder().encode("hello\n")], ["big", noise], ["empty", new Uint8Array()]]);
const tar = tarOf([
  { name: "etc/", kind: "directory" },
  ...[...files].map(([name, body]) => ({ name, body, mode: 0o640, uid: 7 })),
  { name: "link", kind: "symlink", target: "etc/small" },
  { name: "hard", kind: "hardlink", target: "big" },
]);

function chunked(pieceBytes = 100_000): { layer: Uint8Array; annotations: Record<string, string> } {
  const frames: Uint8Array[] = [];
  const writer = new ChunkedWriter(bytes => zstdCompressSync(bytes), bytes => frames.push(bytes.slice()));
  for (let at = 0; at < tar.length; at += pieceBytes) writer.push(tar.subarray(at, at + pieceBytes));
  const annotations = writer.end();
  return { layer: Buffer.concat(frames), annotations };
}

const { layer, annotations } = chunked();
const part = (position: string): Uint8Array => {
  const [offset = 0, length = 0] = position.split(":").map(Number);
  return layer.subarray(offset, offset + length);
};
const toc = JSON.parse(zstdDecompressSync(part(annotations[chunkedAnnotations.position]!)).toString());

describe("a chunked layer", () => {
  test("inflates to the very tar, whatever pieces it came in", () => {
    expect(zstdDecompressSync(layer).equals(Buffer.from(tar))).toBe(true);
    expect(digestOf(chunked(513).layer)).toBe(digestOf(layer));
  });

  test("ends in a footer that says what the annotations say", () => {
    const view = new DataView(layer.buffer, layer.byteOffset + layer.length - 72);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([0x184d2a50, 64]);
    const numbers = [0, 1, 2, 3, 4, 5, 6].map(at => Number(view.getBigUint64(8 + at * 8, true)));
    const [offset, packed, plain, type, splitAt, splitPacked, splitPlain] = numbers;
    expect(`${offset}:${packed}:${plain}:${type}`).toBe(annotations[chunkedAnnotations.position]!);
    expect(`${splitAt}:${splitPacked}:${splitPlain}`).toBe(annotations[chunkedAnnotations.tarSplit]!);
    expect(Buffer.from(layer.subarray(-8)).toString()).toBe("GNUlInUx");
    expect(digestOf(part(annotations[chunkedAnnotations.position]!))).toBe(annotations[chunkedAnnotations.checksum]!);
    expect(toc.tarSplitDigest).toBe(digestOf(part(annotations[chunkedAnnotations.tarSplit]!)));
  });

  test("lets every file be fetched alone, large ones in chunks", () => {
    expect(toc.version).toBe(1);
    const types = toc.entries.filter((entry: { type: string }) => entry.type !== "chunk").map((entry: { type: string }) => entry.type);
    expect(types).toEqual(["dir", "reg", "reg", "reg", "symlink", "hardlink"]);
    const small = toc.entries.find((entry: { name: string }) => entry.name === "etc/small");
    expect(small).toMatchObject({ mode: 0o640, uid: 7, size: 6, digest: digestOf(files.get("etc/small")!) });
    expect(zstdDecompressSync(layer.subarray(small.offset, small.endOffset)).toString()).toBe("hello\n");
    const big = toc.entries.filter((entry: { name: string; type: string }) => entry.name === "big");
    expect(big.length).toBeGreaterThan(2);
    const ends = [...big.slice(1).map((entry: { offset: number }) => entry.offset), big[0].endOffset];
    const parts = big.map((entry: { offset: number; chunkDigest: string; chunkSize: number }, at: number) => {
      const bytes = zstdDecompressSync(layer.subarray(entry.offset, ends[at]));
      expect([digestOf(bytes), bytes.length]).toEqual([entry.chunkDigest, entry.chunkSize]);
      return bytes;
    });
    expect(Buffer.concat(parts).equals(Buffer.from(noise))).toBe(true);
  });

  test("can be made again from its files and its tar-split data", async () => {
    const split = zstdDecompressSync(part(annotations[chunkedAnnotations.tarSplit]!));
    const made: Uint8Array[] = [];
    async function* pieces() {
      for (let at = 0; at < split.length; at += 1000) yield split.subarray(at, at + 1000);
    }
    for await (const entry of splitEntries(pieces())) made.push(entry.kind === "segment" ? entry.raw : files.get(entry.name.toString()) ?? new Uint8Array());
    expect(Buffer.concat(made).equals(Buffer.from(tar))).toBe(true);
  });
});

test("CRC-64 is the one of ISO 3309 as Go computes it", () => {
  const crc = new Crc64();
  crc.update(new TextEncoder().encode("123456789"));
  expect(Buffer.from(crc.digest()).toString("hex")).toBe("b90956c775a41001");
});

test("a stream that ends in an entry, and one with global headers, are refused", () => {
  const handler = { entry() {}, data() {}, done() {} };
  const cut = new TarPieces(handler);
  cut.push(tar.subarray(0, 1026));
  expect(() => cut.end()).toThrow(expect.objectContaining({ code: "layer.malformed" }));
  const global = tarOf([{ name: "x", body: "y" }]);
  const fields = Buffer.from(global);
  fields.write("g", 156);
  fields.write("        ", 148);
  const sum = fields.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  fields.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  expect(() => new TarPieces(handler).push(fields)).toThrow(expect.objectContaining({ code: "image.unsupported" }));
});
