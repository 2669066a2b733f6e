// tarball: root file systems as plain tar files, each one layer of an image that is made up on the way.
// Source: containers-transports(5), "tarball:path[:path…]".

import { createReadStream, createWriteStream, statSync } from "node:fs";
import { join } from "node:path";
import { newHasher } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Compression } from "../../base/media-types.ts";
import { digestOf } from "../../base/digest.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { scratch } from "../../base/scratch.ts";
import { rfc3339 } from "../../base/time.ts";
import { rawManifest } from "../manifest.ts";
import { hostPlatform } from "../platform.ts";
import type { Source } from "../source.ts";
import type { ImageSystem } from "../system.ts";
import { fileFault } from "../tree.ts";

interface Layer {
  readonly path: string;
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly mtimeMs: number;
}

const layerTypes: Readonly<Record<Compression, string>> = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

/** @param rest paths between colons; "-" is standard input */
export async function tarballSource(rest: string, system: ImageSystem): Promise<Source> {
  const aside = rest.split(":").includes("-") ? scratch(system.tmpDir) : undefined;
  try {
    const layers: Layer[] = [];
    for (const path of rest.split(":")) layers.push(await readLayer(path === "-" ? await keepInput(aside!.path) : path));
    return sourceOf(rest, layers, () => aside?.remove());
  } catch (thrown) {
    aside?.remove();
    throw fileFault(`cannot read "tarball:${rest}"`, thrown);
  }
}

async function keepInput(directory: string): Promise<string> {
  const { pipeline } = await import("node:stream/promises");
  const file = join(directory, "input");
  await pipeline(createReadStream("/dev/stdin"), createWriteStream(file));
  return file;
}

async function readLayer(path: string): Promise<Layer> {
  const stat = statSync(path);
  if (!stat.isFile()) throw new Fault("input.malformed", `cannot read tarball ${JSON.stringify(path)}: not a file`);
  const [{ compressionOf }, { inflated }] = await Promise.all([import("../../storage/inflate.ts"), import("../inflate.ts")]);
  const packed = newHasher();
  const plain = newHasher();
  let size = 0;
  let compression: Compression | undefined;
  const counted = async function* (): AsyncIterable<Uint8Array> {
    for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Uint8Array>) {
      compression ??= compressionOf(piece) ?? "none";
      packed.update(piece);
      size += piece.length;
      yield piece;
    }
  };
  for await (const piece of inflated(counted())) plain.update(piece);
  const descriptor = { mediaType: layerTypes[compression ?? "none"], digest: packed.digest(), size };
  return { path, descriptor, diffId: plain.digest(), mtimeMs: stat.mtimeMs };
}

function sourceOf(rest: string, layers: readonly Layer[], remove: () => void): Source {
  const { os, architecture } = hostPlatform();
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const configBytes = encode({
    created: rfc3339(Math.max(...layers.map(layer => layer.mtimeMs))),
    architecture,
    os,
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(layer => layer.diffId) },
    history: layers.map(({ path, mtimeMs }) => ({ created: rfc3339(mtimeMs), created_by: `/bin/sh -c #(nop) ADD file:${path} in / ` })),
  });
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: layers.map(layer => layer.descriptor) };
  const raw = rawManifest(encode(manifest), mediaTypes.ociManifest);
  return {
    name: `tarball:${rest}`,
    isSynthesized: true,
    manifest: async () => raw,
    async blob({ digest }, offset = 0) {
      if (digest === config.digest) return { stream: once(configBytes.subarray(offset)), size: config.size };
      const layer = layers.find(one => one.descriptor.digest === digest);
      if (!layer) throw new Fault("image.malformed", `cannot read blob "${digest}": the tarballs do not have it`);
      return { stream: createReadStream(layer.path, { start: offset, highWaterMark: 1024 * 1024 }), size: layer.descriptor.size };
    },
    close: async () => remove(),
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
