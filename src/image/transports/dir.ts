// dir: one image as loose files, manifest.json beside its blobs named by their hex digests.
// Source: containers-transports(5), "dir:path".

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { writeBlobFile } from "../blob-file.ts";
import { rawManifest } from "../manifest.ts";
import type { Sink, Source } from "../source.ts";
import { directoryTree, fileFault } from "../tree.ts";

const versionText = "Directory Transport Version: 1.1\n";

const nameOf = (digest: Digest): string => (digest.startsWith("sha256:") ? hexOf(digest) : digest);

export function dirSource(path: string): Source {
  const tree = directoryTree(path);
  return {
    name: `dir:${path}`,
    manifest: async (instance?: Digest) =>
      rawManifest(tree.read(instance === undefined ? "manifest.json" : `${hexOf(instance)}.manifest.json`, limits.manifestBytesMax)),
    blob: async ({ digest }, offset = 0) => ({ stream: tree.stream(nameOf(digest), offset), size: tree.size(nameOf(digest)) }),
    close: async () => tree.close(),
  };
}

/** Makes the directory; one that holds something else is refused. @throws Fault "system.exists" */
export function dirSink(path: string, layers?: "uncompressed"): Sink {
  const directory = resolve(path);
  prepare(directory);
  return {
    name: `dir:${path}`,
    takesIndex: true,
    anyConfig: true,
    ...(layers ? { layers } : {}),
    has: async () => false,
    put: (blob, _place, _cargo, content) => writeBlobFile(join(directory, nameOf(blob.digest)), blob, content),
    async finish({ raw }, member) {
      writeFileSync(join(directory, member ? `${hexOf(raw.digest)}.manifest.json` : "manifest.json"), raw.bytes);
    },
    finishIndex: async raw => writeFileSync(join(directory, "manifest.json"), raw.bytes),
    async close() {},
  };
}

function prepare(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    const names = readdirSync(directory);
    if (names.length > 0 && !names.includes("version")) {
      throw new Fault("system.exists", `cannot write to ${JSON.stringify(directory)}: it holds something else than an image`, {
        hint: "give a directory that is empty or does not exist",
      });
    }
    for (const name of names) rmSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, "version"), versionText);
  } catch (thrown) {
    throw fileFault(`cannot write to ${JSON.stringify(directory)}`, thrown);
  }
}
