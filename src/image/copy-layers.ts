// The layers of one image on their way from a source to a sink, several at a time.

import { skipping } from "../base/skipping.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { sizeUnknown } from "./convert.ts";
import type { OnProgress } from "./progress.ts";
import type { Cargo, Sink, Source } from "./source.ts";

export interface LayersTrip {
  readonly source: Source;
  readonly sink: Sink;
  readonly options: { readonly parallel?: number; readonly onProgress?: OnProgress; readonly signal?: AbortSignal };
}

export interface Moving {
  /** Bytes of each layer as it was written. */
  readonly sizes: Promise<number[]>;
  /** Ends what is under way, and waits until it has ended. */
  stop(): Promise<void>;
}

const parallelDefault = 3;

/** @param original what the source has, @param cargo the same as it is written */
export function beginLayers(original: Cargo, cargo: Cargo, trip: LayersTrip): Moving {
  const stop = new AbortController();
  const sizes = copyLayers(original, cargo, { ...trip, stop });
  const settled = sizes.then(() => undefined, () => undefined);
  return {
    sizes,
    stop() {
      stop.abort();
      return settled;
    },
  };
}

async function copyLayers(original: Cargo, cargo: Cargo, { source, sink, options, stop }: LayersTrip & { readonly stop: AbortController }): Promise<number[]> {
  const sizes = cargo.manifest.layers.map(layer => layer.size);
  // Equal layers go one after the other, so that the second finds the first.
  const groups = new Map<Digest, number[]>();
  for (const [position, { digest }] of cargo.manifest.layers.entries()) {
    groups.set(digest, [...(groups.get(digest) ?? []), position]);
  }
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
  await Promise.all(Array.from({ length: Math.max(1, Math.min(sink.takesOneAtATime ? 1 : (options.parallel ?? parallelDefault), queue.length)) }, guarded));
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
  const path = onProgress === undefined || onProgress.passesBytes ? source.file?.(from) : undefined;
  const isSame = descriptor.digest === from.digest;
  const part = isSame ? source.part?.(from) : undefined;
  const bytes = await sink.put(descriptor, place, cargo, {
    ...(part === undefined ? {} : { part: { lies: part, signal: stop } }),
    ...(path === undefined ? {} : isSame ? { file: { path, signal: stop } } : { packed: { path, size: from.size } }),
    onBytes: bytes => say("bytes", bytes),
    open: async offset => {
      const { stream } = await source.blob(from, isSame ? offset : 0);
      const counted = counting(stream, { from: isSame ? offset : 0, stop, onBytes: bytes => say("bytes", bytes) });
      if (isSame) return counted;
      const { inflated } = await import("./inflate.ts");
      return offset === 0 ? inflated(counted) : skipping(inflated(counted), offset);
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
