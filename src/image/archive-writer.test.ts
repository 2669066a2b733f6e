// Archives written from files: beside each other, in a fixed order, without a detour, and not at all where something is wrong.

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { digestOf } from "../base/digest.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { writeBlobFile } from "./blob-file.ts";
import { sizeUnknown } from "./convert.ts";
import type { BlobContent } from "./source.ts";

const folder = mkdtempSync(join(tmpdir(), "coracle-archive-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** Not there: whoever needs scratch space fails. */
const noScratch = join(folder, "none");

const noise = (bytes: number): Uint8Array<ArrayBuffer> => {
  const made = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(made.subarray(at, Math.min(at + 65_536, bytes)));
  return made;
};

let files = 0;

/** A blob as the sources offer it: a packed or plain file, and never a stream. */
function offered(plain: Uint8Array<ArrayBuffer>, given: { readonly isPacked?: boolean; readonly packed?: Uint8Array } = {}): BlobContent {
  const { isPacked = true } = given;
  const packed = given.packed ?? (isPacked ? gzipSync(plain, { level: 1 }) : plain);
  const path = join(folder, `blob-${++files}`);
  writeFileSync(path, packed);
  return {
    open: async () => {
      throw new Error("opened");
    },
    onBytes() {},
    ...(isPacked ? { packed: { path, size: packed.length } } : { file: { path, signal: new AbortController().signal } }),
  };
}

const blobOf = (plain: Uint8Array, size = plain.length) => ({ mediaType: "x", digest: digestOf(plain), size });

function members(path: string): Record<string, string> {
  const listed = Bun.spawnSync(["tar", "-tf", path]).stdout.toString().trim().split("\n");
  return Object.fromEntries(listed.map(name => [name, digestOf(Bun.spawnSync(["tar", "-xOf", path, name]).stdout)]));
}

test("blobs that are files come into the archive beside each other, in the order they were given, packed or plain, of known size or not", async () => {
  const contents = [noise(3_000_000), noise(100), noise(5_000_001), noise(512), noise(2_000_000), noise(70_000)];
  const write = async (path: string): Promise<void> => {
    const archive = new ArchiveWriter(path, noScratch);
    const added = contents.map((plain, at) => archive.addBlob(`${at}`, blobOf(plain, at === 2 || at === 3 ? sizeUnknown : plain.length), offered(plain, { isPacked: at !== 4 })));
    expect(await Promise.all(added)).toEqual(contents.map(plain => plain.length));
    await archive.add("last", contents[1]!);
    await archive.close(true);
  };
  const [one, two] = [join(folder, "one.tar"), join(folder, "two.tar")];
  await write(one);
  await write(two);
  const expected = [...contents.map((plain, at) => [String(at), digestOf(plain)]), ["last", digestOf(contents[1]!)]];
  expect(Object.entries(members(one))).toEqual(expected as [string, string][]);
  expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
});

for (const [what, plain, packed] of [
  ["is another", noise(2_000_000), gzipSync(noise(2_000_000))],
  ["is longer than it should be", noise(2_000_000), gzipSync(noise(2_000_001))],
  ["is cut off", noise(2_000_000), gzipSync(noise(2_000_000)).subarray(0, 1_500_000)],
] as const) {
  test(`a blob that ${what} ends in one fault, and nothing is left of the archive`, async () => {
    const path = join(folder, `broken-${++files}.tar`);
    for (const size of [plain.length, sizeUnknown]) {
      const archive = new ArchiveWriter(path, noScratch);
      const good = noise(4_000_000);
      const added = await Promise.allSettled([archive.addBlob("a", blobOf(good), offered(good)), archive.addBlob("b", blobOf(plain, size), offered(plain, { packed }))]);
      await archive.close(false);
      expect(added.map(one => one.status)).toEqual(["fulfilled", "rejected"]);
      expect((added[1] as PromiseRejectedResult).reason).toMatchObject({ code: what === "is cut off" ? "layer.malformed" : "digest.mismatch" });
      expect(existsSync(path)).toBe(false);
    }
  });
}

test("a blob file is copied from a file, and a wrong one leaves nothing", async () => {
  const plain = noise(300_000);
  const into = mkdtempSync(join(folder, "into-"));
  const told: number[] = [];
  expect(await writeBlobFile(join(into, "good"), blobOf(plain), { ...offered(plain, { isPacked: false }), onBytes: bytes => told.push(bytes) })).toBe(plain.length);
  expect([digestOf(readFileSync(join(into, "good"))), told]).toEqual([digestOf(plain), [plain.length]]);
  for (const wrong of [noise(300_000), noise(300_001), noise(10)]) {
    await expect(writeBlobFile(join(into, "bad"), blobOf(plain), offered(wrong, { isPacked: false }))).rejects.toMatchObject({ code: "digest.mismatch" });
  }
  expect(readdirSync(into)).toEqual(["good"]);
});
