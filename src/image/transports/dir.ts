// dir: one image as loose files, manifest.json beside its blobs named by their hex digests.
// Source: containers-transports(5), "dir:path".

import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { algorithmOf, digestOf, hexOf, newHasher } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault, errnoOf } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { writeBlobFile } from "../blob-file.ts";
import { rawManifest, readManifest } from "../manifest.ts";
import { blobFile } from "../read-blob.ts";
import { referrerOf } from "../referrers.ts";
import type { RawManifest } from "../manifest.ts";
import type { Sink, Source } from "../source.ts";
import { directoryTree, fileFault } from "../tree.ts";

const versionText = "Directory Transport Version: 1.1\n";
const signaturesMax = 100;

const nameOf = (digest: Digest): string => (digest.startsWith("sha256:") ? hexOf(digest) : digest);
const manifestName = (instance?: Digest): string => (instance === undefined ? "manifest.json" : `${hexOf(instance)}.manifest.json`);
const signatureName = (number: number, instance?: Digest): string =>
  `${instance === undefined ? "" : `${hexOf(instance)}.`}signature-${number}`;

export function dirSource(path: string): Source {
  const tree = directoryTree(path);
  return {
    name: `dir:${path}`,
    manifest: async (instance?: Digest) => rawManifest(tree.read(manifestName(instance), limits.manifestBytesMax)),
    blob: async ({ digest }, offset = 0) => ({ stream: tree.stream(nameOf(digest), offset), size: tree.size(nameOf(digest)) }),
    part: ({ digest }) => tree.partOf(nameOf(digest)),
    file: blob => blobFile(tree.pathOf?.(nameOf(blob.digest)), blob),
    referrers: async subject => referrersIn(path).filter(one => one.subject === subject).map(one => one.descriptor),
    async signatures(instance) {
      const found: Uint8Array[] = [];
      for (let number = 1; number <= signaturesMax && tree.has(signatureName(number, instance)); number++) {
        found.push(tree.read(signatureName(number, instance), limits.manifestBytesMax));
      }
      return found;
    },
    close: async () => tree.close(),
  };
}

/**
 * Touches nothing before the first blob; then the manifest goes first, so that nothing half-copied looks whole, and
 * blobs of an earlier copy are used again. A directory that holds something else is refused.
 *
 * @throws Fault "system.exists"
 */
export function dirSink(path: string, options: { readonly layers?: "uncompressed"; readonly packsLayers?: boolean } = {}): Sink {
  const directory = resolve(path);
  const kept = new Set(["version"]);
  let isPrepared = false;
  check(directory);
  const prepared = (): void => {
    if (!isPrepared) prepare(directory);
    isPrepared = true;
  };
  const keep = (name: string, bytes: Uint8Array): void => {
    prepared();
    kept.add(name);
    writeFileSync(join(directory, name), bytes);
  };
  return {
    name: `dir:${path}`,
    takesIndex: true,
    anyConfig: true,
    ...(options.layers ? { layers: options.layers } : {}),
    ...(options.packsLayers ? { packsLayers: true } : {}),
    holds: async ({ digest }) => holds(directory, digest),
    async has(blob) {
      prepared();
      if (!isWhole(join(directory, nameOf(blob.digest)), blob)) return false;
      kept.add(nameOf(blob.digest));
      return true;
    },
    put(blob, _place, _cargo, content) {
      prepared();
      kept.add(nameOf(blob.digest));
      return writeBlobFile(join(directory, nameOf(blob.digest)), blob, content);
    },
    finish: async ({ raw }, member) => keep(manifestName(member ? raw.digest : undefined), raw.bytes),
    putReferrer: async raw => keep(manifestName(raw.digest), raw.bytes),
    finishIndex: async raw => keep("manifest.json", raw.bytes),
    async putSignatures(signatures, raw, member) {
      for (const [at, bytes] of signatures.entries()) keep(signatureName(at + 1, member ? raw.digest : undefined), bytes);
    },
    async close(ok) {
      if (!ok || !isPrepared) return;
      for (const name of readdirSync(directory)) if (!kept.has(name)) rmSync(join(directory, name), { recursive: true });
    },
  };
}

/** The files of one manifest: itself, and with their sizes the blobs it names; of an index its members' too. */
function holds(directory: string, digest: Digest, name = "manifest.json"): boolean {
  try {
    const bytes = readFileSync(join(directory, name));
    if (digestOf(bytes, algorithmOf(digest)) !== digest) return false;
    const parsed = readManifest(rawManifest(bytes));
    if (parsed.kind === "image") {
      return [parsed.manifest.config, ...parsed.manifest.layers].every(blob => sizeOf(join(directory, nameOf(blob.digest))) === blob.size);
    }
    return parsed.index.manifests.every(entry => holds(directory, entry.digest, manifestName(entry.digest)));
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return false;
    throw fileFault(`cannot read ${JSON.stringify(directory)}`, thrown);
  }
}

/** Manifests beside the image's own that name a subject. */
function referrersIn(path: string): { readonly subject: Digest; readonly descriptor: Descriptor }[] {
  const tree = directoryTree(path);
  return readdirSync(path).filter(name => /^[0-9a-f]{64,128}\.manifest\.json$/.test(name)).flatMap(name => {
    const found = referrerOf(rawManifest(tree.read(name, limits.manifestBytesMax)));
    return found === undefined ? [] : [found];
  });
}

const sizeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.size;

function isWhole(file: string, { digest, size }: Descriptor): boolean {
  if (size < 0 || sizeOf(file) !== size) return false;
  const hasher = newHasher(algorithmOf(digest));
  hasher.update(readFileSync(file));
  return hasher.digest() === digest;
}

function check(directory: string): void {
  try {
    const names = readdirSync(directory);
    if (names.length === 0 || names.includes("version")) return;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return;
    throw fileFault(`cannot write to ${JSON.stringify(directory)}`, thrown);
  }
  throw new Fault("system.exists", `cannot write to ${JSON.stringify(directory)}: it holds something else than an image`, {
    hint: "give a directory that is empty or does not exist",
  });
}

function prepare(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    rmSync(join(directory, "manifest.json"), { force: true });
    writeFileSync(join(directory, "version"), versionText);
  } catch (thrown) {
    throw fileFault(`cannot write to ${JSON.stringify(directory)}`, thrown);
  }
}
