// The one copy engine: any source to any sink, manifests and blobs byte for byte, layers in parallel, manifest last.

import { digestOf, newHasher } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import type { Descriptor, Index } from "../base/oci-image.ts";
import { readConfig } from "./config.ts";
import { convertManifest, sizeUnknown, uncompressedManifest, withSizes } from "./convert.ts";
import { layerCompression, needImageConfig, readManifest } from "./manifest.ts";
import type { ParsedManifest, RawManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";
import type { PlatformChoice } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import type { Cargo, Sink, Source } from "./source.ts";

export interface CopyOptions {
  /** "system": of an index the one for the platform (default); "all": every member and the index itself. */
  readonly instances?: "system" | "all" | "index-only";
  readonly platform?: PlatformChoice;
  /** Manifest type to convert to; absent: as it is, unless the sink cannot hold it. */
  readonly mediaType?: string;
  /** Layers moved at a time; default 3, which two cores are full with. */
  readonly parallel?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** What was written, as it was written. */
export interface Copied {
  readonly raw: RawManifest;
}

const parallelDefault = 3;

/** Closes both; the sink shows nothing unless all went well. */
export async function copyImage(source: Source, sink: Sink, options: CopyOptions = {}): Promise<Copied> {
  let ok = false;
  try {
    const copied = await copyTop(source, sink, options);
    ok = true;
    return copied;
  } finally {
    try {
      await sink.close(ok);
    } finally {
      await source.close();
    }
  }
}

async function copyTop(source: Source, sink: Sink, options: CopyOptions): Promise<Copied> {
  const top = readManifest(await source.manifest());
  if (top.kind === "index" && options.instances !== undefined && options.instances !== "system" && sink.takesIndex) {
    return copyIndex(top, { source, sink, options });
  }
  options.onProgress?.({ kind: "signatures", list: false });
  if (top.kind === "image") return copyOne(top, { source, sink, options });
  const chosen = choosePlatform(top.index, options.platform);
  return copyOne(await member(source, chosen), { source, sink, options, index: top.raw });
}

async function member(source: Source, entry: Descriptor): Promise<ParsedManifest & { kind: "image" }> {
  const raw = await source.manifest(entry.digest);
  if (digestOf(raw.bytes, entry.digest.slice(0, entry.digest.indexOf(":"))) !== entry.digest) throw mismatch(entry.digest, "manifest");
  const parsed = readManifest(raw);
  if (parsed.kind === "image") return parsed;
  throw new Fault("image.unsupported", `cannot read image index: its entry ${entry.digest} is an index itself`);
}

const mismatch = (digest: Digest, what: string): Fault =>
  new Fault("digest.mismatch", `cannot read ${what} "${digest}": its bytes have another digest`, {
    hint: "try again, or ask the registry's owner",
  });

interface Trip {
  readonly source: Source;
  readonly sink: Sink;
  readonly options: CopyOptions;
  readonly index?: RawManifest;
  readonly isMember?: boolean;
}

async function copyIndex(top: ParsedManifest & { kind: "index" }, trip: Trip): Promise<Copied> {
  const { sink, options, source } = trip;
  options.onProgress?.({ kind: "signatures", list: true });
  const entries: Index["manifests"] = options.instances === "all" ? top.index.manifests : [];
  options.onProgress?.({ kind: "instances", chosen: entries.length, all: top.index.manifests.length });
  for (const [at, entry] of entries.entries()) {
    options.onProgress?.({ kind: "instance", digest: entry.digest, number: at + 1, of: entries.length });
    options.onProgress?.({ kind: "signatures", list: false });
    await copyOne(await member(source, entry), { ...trip, isMember: true });
  }
  options.onProgress?.({ kind: "manifest", list: true });
  await sink.finishIndex(top.raw);
  return { raw: top.raw };
}

async function copyOne(image: ParsedManifest & { kind: "image" }, trip: Trip): Promise<Copied> {
  const { sink, options } = trip;
  const original = await loadCargo(image, trip);
  const adapted = trip.isMember ? original : adapt(original, sink, options);
  const sizes = await copyLayers(original, adapted, trip);
  const cargo = adapted === original ? adapted : withSizes(adapted, sizes);
  const configEvent = { kind: "config", descriptor: cargo.manifest.config, bytes: 0 } as const;
  if (await sink.has(cargo.manifest.config, { kind: "config" }, cargo, trip.source)) {
    options.onProgress?.({ ...configEvent, state: "start" });
  } else {
    options.onProgress?.({ ...configEvent, state: "start" });
    const bytes = cargo.configBytes;
    await sink.put(cargo.manifest.config, { kind: "config" }, cargo, { open: async offset => once(bytes.subarray(offset)), onBytes() {} });
  }
  options.onProgress?.({ ...configEvent, state: "done", bytes: cargo.configBytes.length });
  options.onProgress?.({ kind: "manifest", list: false });
  await sink.finish(cargo, trip.isMember ?? false);
  return { raw: cargo.raw };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function loadCargo({ manifest, raw }: ParsedManifest & { kind: "image" }, { source, sink, index }: Trip): Promise<Cargo> {
  const isImage = !sink.anyConfig || manifest.layers.every(layer => isKnownLayer(layer.mediaType));
  if (!sink.anyConfig) {
    needImageConfig(manifest);
    for (const layer of manifest.layers) layerCompression(layer.mediaType);
  }
  const configBytes = await readBlob(source, manifest.config);
  const config = isImage && manifest.config.mediaType.match(/config|container\.image/) ? configOf(configBytes, sink) : undefined;
  if (!sink.anyConfig && config && config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new Fault(
      "image.malformed",
      `cannot read image: the manifest lists ${manifest.layers.length} layers, the config ${config.rootfs.diff_ids.length}`,
    );
  }
  return { raw, manifest, configBytes, config, ...(index ? { index } : {}) };
}

function configOf(bytes: Uint8Array, sink: Sink): Cargo["config"] {
  if (!sink.anyConfig) return readConfig(bytes);
  try {
    return readConfig(bytes);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

function isKnownLayer(mediaType: string): boolean {
  try {
    return layerCompression(mediaType) !== undefined;
  } catch {
    return false;
  }
}

/** A small blob, whole and verified. */
export async function readBlob(source: Source, descriptor: Descriptor, bytesMax: number = limits.configBytesMax): Promise<Uint8Array> {
  if (descriptor.size > bytesMax) {
    throw new Fault("image.malformed", `cannot read blob "${descriptor.digest}": larger than ${bytesMax} bytes`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  const hasher = newHasher(descriptor.digest.slice(0, descriptor.digest.indexOf(":")));
  for await (const part of (await source.blob(descriptor)).stream) {
    size += part.length;
    if (size > descriptor.size) throw mismatch(descriptor.digest, "blob");
    hasher.update(part);
    parts.push(part.slice());
  }
  if (size !== descriptor.size || hasher.digest() !== descriptor.digest) throw mismatch(descriptor.digest, "blob");
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The cargo as this sink can hold it: the same one, unless it needs another manifest type or plain layers. */
function adapt(cargo: Cargo, sink: Sink, options: CopyOptions): Cargo {
  const plain = sink.layers === "uncompressed" ? uncompressedManifest(cargo) : cargo;
  const wanted = options.mediaType ?? (sink.mediaTypes && !sink.mediaTypes.includes(plain.raw.mediaType) ? sink.mediaTypes[0] : undefined);
  return wanted === undefined || wanted === plain.raw.mediaType ? plain : convertManifest(plain, wanted);
}

async function copyLayers(original: Cargo, cargo: Cargo, { source, sink, options }: Trip): Promise<number[]> {
  const sizes = cargo.manifest.layers.map(layer => layer.size);
  // Equal layers go one after the other, so that the second finds the first.
  const groups = new Map<Digest, number[]>();
  for (const [position, { digest }] of cargo.manifest.layers.entries()) {
    groups.set(digest, [...(groups.get(digest) ?? []), position]);
  }
  const stop = new AbortController();
  const queue = [...groups.values()];
  const worker = async (): Promise<void> => {
    for (let group = queue.shift(); group && !stop.signal.aborted; group = queue.shift()) {
      for (const [nth, position] of group.entries()) {
        options.signal?.throwIfAborted();
        const onProgress = nth === 0 ? options.onProgress : undefined;
        const bytes = await copyLayer({ original, cargo, position, source, sink, stop: stop.signal, onProgress });
        if (bytes !== undefined) for (const equal of group) sizes[equal] = bytes;
      }
    }
  };
  const faults: unknown[] = [];
  const guarded = () => worker().catch((thrown: unknown) => {
    faults.push(thrown);
    stop.abort();
  });
  await Promise.all(Array.from({ length: Math.max(1, Math.min(options.parallel ?? parallelDefault, queue.length)) }, guarded));
  if (faults.length > 0) throw faults[0];
  return sizes;
}

interface LayerTrip {
  readonly original: Cargo;
  readonly cargo: Cargo;
  readonly position: number;
  readonly source: Source;
  readonly sink: Sink;
  readonly stop: AbortSignal;
  readonly onProgress?: OnProgress | undefined;
}

async function copyLayer({ original, cargo, position, source, sink, stop, onProgress }: LayerTrip): Promise<number | undefined> {
  const descriptor = cargo.manifest.layers[position]!;
  const from = original.manifest.layers[position]!;
  const place = { kind: "layer", position } as const;
  const say = (state: "start" | "bytes" | "done" | "reused", bytes: number) =>
    onProgress?.({ kind: "blob", state, descriptor: from, bytes });
  if (descriptor.size !== sizeUnknown && await sink.has(descriptor, place, cargo, source)) {
    say("reused", from.size);
    return undefined;
  }
  say("start", 0);
  const bytes = await sink.put(descriptor, place, cargo, {
    onBytes: bytes => say("bytes", bytes),
    open: async offset => {
      const { stream } = await source.blob(from, descriptor.digest === from.digest ? offset : 0);
      const counted = counting(stream, { from: offset, stop, onBytes: bytes => say("bytes", bytes) });
      if (descriptor.digest === from.digest) return counted;
      const { inflated } = await import("./inflate.ts");
      return inflated(counted);
    },
  });
  say("done", from.size);
  return bytes;
}

async function* counting(
  stream: AsyncIterable<Uint8Array>,
  { from, stop, onBytes }: { from: number; stop: AbortSignal; onBytes: (bytes: number) => void },
): AsyncIterable<Uint8Array> {
  let bytes = from;
  for await (const part of stream) {
    if (stop.aborted) throw new Fault("registry.failed", "cannot copy layer: stopped because another layer failed");
    bytes += part.length;
    onBytes(bytes);
    yield part;
  }
}
