// Inflating: every form, cut into every kind of chunks, and what is broken.

import { expect, test } from "bun:test";
import { inChunks } from "./fixtures.ts";
import { compressionOf, inflate } from "./inflate.ts";

async function inflated(bytes: Uint8Array, step = bytes.length): Promise<string> {
  const parts: Uint8Array[] = [];
  await inflate(inChunks(bytes, Math.max(step, 1)), part => void parts.push(Uint8Array.from(part)));
  return Buffer.concat(parts).toString();
}

const text = "some text, again and again, ".repeat(20_000);
const plain = Buffer.from(text);
const forms: Record<string, Uint8Array> = {
  none: plain,
  gzip: Bun.gzipSync(plain),
  zstd: Bun.zstdCompressSync(plain),
  "gzip in members": Buffer.concat([0, 1, 2, 3].map(part => Bun.gzipSync(plain.subarray(part * 140_000, (part + 1) * 140_000)))),
  "zstd in frames": Buffer.concat([plain.subarray(0, 100_000), plain.subarray(100_000)].map(part => Bun.zstdCompressSync(part))),
};
for (const [form, bytes] of Object.entries(forms)) {
  for (const step of [1, 3, 101, 1 << 20]) {
    if (form === "none" && step === 1) continue;
    test(`${form} in chunks of ${step}`, async () => expect((await inflated(bytes, step)) === text).toBe(true));
  }
}

test("nothing, and less than a magic number, pass as they are", async () => {
  expect(await inflated(new Uint8Array(0))).toBe("");
  expect(await inflated(Buffer.from("abc"), 1)).toBe("abc");
});

const flipped = Uint8Array.from(forms["gzip"]!);
flipped[flipped.length - 6]! ^= 1;
const wrong: Record<string, Uint8Array> = {
  "gzip cut off": forms["gzip"]!.slice(0, -20),
  "gzip with a wrong checksum": flipped,
  "gzip that is noise": Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), Buffer.alloc(500, 0xfe)]),
  "zstd that is noise": Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(500, 0xfe)]),
};
for (const [what, bytes] of Object.entries(wrong)) {
  test(`refused: ${what}`, async () => {
    for (const step of [7, 1 << 20]) await expect(inflated(bytes, step)).rejects.toMatchObject({ code: "layer.malformed" });
  });
}

test("what the receiver throws comes out", async () => {
  const failing = inflate(inChunks(forms["gzip"]!), () => {
    throw new Error("full");
  });
  await expect(failing).rejects.toThrow("full");
});

test("compressions are told apart by their first bytes, and some are refused", () => {
  expect(compressionOf(new Uint8Array(5))).toBeUndefined();
  expect(["none", "gzip", "zstd"].map(form => compressionOf(forms[form]!))).toEqual(["none", "gzip", "zstd"]);
  expect(() => compressionOf(Buffer.from("BZh91AY&SY"))).toThrow(expect.objectContaining({ code: "image.unsupported" }));
});
