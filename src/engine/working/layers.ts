// The layers of the image that a working container becomes: its base's, and what changed since.

import { readFileSync, statSync } from "node:fs";
import { newHasher } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import type { MadeLayer } from "../../image/assemble.ts";
import type { OnProgress } from "../../image/progress.ts";
import type { Lease } from "../../storage/store.ts";
import { toByteText } from "../../storage/tar/entry.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { tarEnd, tarHeader, tarPadding, type WrittenEntry } from "../../storage/tar/writer.ts";
import { layersBelow, storeBlob } from "../containers/commit.ts";
import type { Host } from "../host.ts";
import { withWorkingRoot } from "./mount.ts";
import type { WorkingContainer } from "./records.ts";

export interface LayerWishes {
  /** One layer in all. */
  readonly squash?: boolean;
  /** Seconds since 1970 that every file of the new layer gets. */
  readonly fileSeconds?: number;
  /** No file of the new layer is newer than this. */
  readonly latestSeconds?: number;
  /** Files of the host that come along, by their path in the image. */
  readonly addFiles?: ReadonlyMap<string, string>;
  readonly compress?: boolean;
  readonly onProgress?: OnProgress;
}

interface Layering {
  readonly wishes: LayerWishes;
  readonly lease: Lease;
}

/** @returns also the digest, without its algorithm, of the layer that `addFiles` make */
export async function newLayers(host: Host, record: WorkingContainer, { wishes, lease }: Layering): Promise<{ layers: MadeLayer[]; extra: string | undefined }> {
  if (wishes.squash && (record.links ?? []).length > 0) {
    throw new Fault("usage.invalid", "can't add prebuilt layers and produce an image with only one layer, at the same time", { hint: "commit without --squash" });
  }
  const base = record.imageId === "" || wishes.squash ? undefined : host.store.images.get(record.imageId);
  const options = { alter: withTimes(wishes) };
  const extras = wishes.addFiles === undefined || wishes.addFiles.size === 0 ? undefined : wishes.addFiles;
  const keep = (chunks: Iterable<Uint8Array>): Promise<MadeLayer> => keepBlob(host, chunks, { wishes, lease });
  const own = wishes.squash
    ? await withWorkingRoot(host, record.id, root => keep(followed(tarOfTree(root, { ...options, withRoot: true }), extras, options.alter)))
    : await keep(host.store.roots.diff(record.id, options));
  const extra = extras !== undefined && !wishes.squash ? await keep(followed([], extras, options.alter)) : undefined;
  const linked: MadeLayer[] = [];
  for (const { directory } of record.links ?? []) linked.push(await keep(tarOfTree(directory, options)));
  const layers = [...(base === undefined ? [] : layersBelow(host, base)), own, ...(extra ? [extra] : []), ...linked];
  for (const layer of layers) tell(wishes.onProgress, layer, layer === own || layer === extra || linked.includes(layer));
  return { layers, extra: extra?.diffId.replace(/^[a-z0-9]+:/, "") };
}

function tell(onProgress: OnProgress | undefined, { blob, size }: MadeLayer, isNew: boolean): void {
  onProgress?.({ kind: "blob", state: isNew ? "start" : "reused", descriptor: { mediaType: "", digest: blob, size }, bytes: size });
}

function withTimes({ fileSeconds, latestSeconds }: LayerWishes): (entry: WrittenEntry) => WrittenEntry {
  if (fileSeconds !== undefined) return entry => ({ ...entry, mtime: { sec: fileSeconds, nsec: 0 } });
  if (latestSeconds === undefined) return entry => entry;
  return entry => (entry.mtime.sec >= latestSeconds ? { ...entry, mtime: { sec: latestSeconds, nsec: 0 } } : entry);
}

/** The archive with more files before its end. */
function* followed(chunks: Iterable<Uint8Array>, files: ReadonlyMap<string, string> | undefined, alter: (entry: WrittenEntry) => WrittenEntry): Generator<Uint8Array> {
  if (files === undefined) return yield* chunks;
  let held: Uint8Array | undefined;
  for (const chunk of chunks) {
    if (held !== undefined) yield held;
    // The last chunk is the archive's end, of this length, which is made anew.
    held = chunk.length === 1024 ? chunk.slice() : undefined;
    if (held === undefined) yield chunk;
  }
  for (const [path, source] of files) {
    const bytes = readFileSync(source);
    const stat = statSync(source);
    yield tarHeader(alter({
      name: toByteText(Buffer.from(path.replace(/^\/+/, ""))), kind: "file", mode: stat.mode & 0o777, uid: 0, gid: 0, size: bytes.length,
      mtime: { sec: Math.floor(stat.mtimeMs / 1000), nsec: 0 }, linkName: "", device: { major: 0, minor: 0 }, xattrs: undefined,
    }));
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield tarEnd();
}

async function keepBlob(host: Host, chunks: Iterable<Uint8Array>, { wishes, lease }: Layering): Promise<MadeLayer> {
  if (!wishes.compress) return storeBlob(host, chunks, lease);
  const [{ createGzip }, { pipeline }, { Readable }] = await Promise.all([import("node:zlib"), import("node:stream/promises"), import("node:stream")]);
  const writer = host.store.blobs.stage(lease);
  const content = newHasher();
  const hashed = function* (): Generator<Uint8Array> {
    for (const chunk of chunks) {
      content.update(chunk);
      yield chunk.slice();
    }
  };
  try {
    await pipeline(Readable.from(hashed(), { objectMode: false }), createGzip(), async pieces => {
      for await (const piece of pieces as AsyncIterable<Uint8Array>) writer.write(piece);
    });
    const size = writer.offset;
    return { diffId: content.digest(), blob: writer.commit(), size, compression: "gzip" };
  } catch (thrown) {
    writer.abort({ drop: true });
    throw thrown;
  }
}
