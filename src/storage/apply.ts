// One layer from its source to its place in one pass: keep the blob, hash it, inflate, hash, unpack.
// Many run at a time on one thread; inflating uses the runtime's thread pool, so the two halves overlap.

import * as fs from "node:fs";
import { type Digest, newHasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { close, openDirectory } from "../kernel/files.ts";
import { mismatch, streamFile } from "./blobs.ts";
import { inflate } from "./inflate.ts";
import { type LayersNeeds, showLayer } from "./layers.ts";
import { randomName, type StorePlace } from "./place.ts";
import { privilege } from "./privilege.ts";
import type { ApplyLayer, BlobWriter, LayerSource, Lease, StoredLayer } from "./store.ts";
import { removePath } from "./tree.ts";
import { TarReader } from "./tar/reader.ts";
import { Unpacker } from "./tar/unpack.ts";

interface ApplyNeeds extends LayersNeeds {
  find(chainId: Digest): StoredLayer | undefined;
}

export async function applyLayer(place: StorePlace, needs: ApplyNeeds, layer: ApplyLayer): Promise<StoredLayer> {
  layer.lease?.holdLayer(layer.chainId);
  const known = needs.find(layer.chainId);
  if (known !== undefined) return known;
  const lease = layer.lease ?? needs.lease();
  try {
    return await applyNew(place, { needs, layer, lease });
  } finally {
    // Without a lease of the caller's the layer is his to put into an image at once.
    if (layer.lease === undefined) lease.release({ keep: true });
  }
}

interface Applying {
  readonly needs: ApplyNeeds;
  readonly layer: ApplyLayer;
  readonly lease: Lease;
}

async function applyNew(place: StorePlace, { needs, layer, lease }: Applying): Promise<StoredLayer> {
  const staged = `${lease.directory}/${randomName()}`;
  const source = new BlobFeed(layer, await openWriter(needs, layer.source, lease), needs);
  try {
    const unpacked = await unpackInto(staged, source);
    if (unpacked.diffId !== layer.diffId) throw wrongDiff(layer, unpacked.diffId);
    source.commit();
    const { parent, chainId, diffId } = layer;
    const blob = layer.source.digest;
    const finished = { chainId, diffId, parent, size: unpacked.size, blob };
    showLayer(place, { ...finished, root: unpacked.root, staged }, lease);
    return finished;
  } catch (thrown) {
    throw explained(await source.fail(thrown), layer);
  } finally {
    removePath(staged);
    removePath(`${staged}.orphan`);
  }
}

async function openWriter(needs: ApplyNeeds, source: LayerSource, lease: Lease): Promise<BlobWriter | undefined> {
  if (source.open !== undefined) return needs.blobs.resume(source.digest, lease);
  lease.holdBlob(source.digest);
  return undefined;
}

/** The compressed bytes, kept on the way; what of them was wrong decides over what the unpacking stumbled on. */
class BlobFeed implements AsyncIterable<Uint8Array> {
  readonly #layer: ApplyLayer;
  readonly #writer: BlobWriter | undefined;
  readonly #needs: ApplyNeeds;
  #bytes: AsyncGenerator<Uint8Array> | undefined;
  #sourceFailed = false;

  constructor(layer: ApplyLayer, writer: BlobWriter | undefined, needs: ApplyNeeds) {
    this.#layer = layer;
    this.#writer = writer;
    this.#needs = needs;
  }

  /** May be begun once; leaving the loop early keeps the rest for `fail`. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const bytes = (this.#bytes = this.#generate());
    return { next: () => bytes.next() };
  }

  async *#generate(): AsyncGenerator<Uint8Array> {
    const { source } = this.#layer;
    const writer = this.#writer;
    if (writer === undefined) return yield* this.#counted(this.#needs.blobs.stream(source.digest), 0);
    if (source.size !== undefined && writer.offset > source.size) writer.restart();
    const kept = writer.offset;
    const opened = kept === source.size ? undefined : await this.#open(kept);
    if (opened !== undefined && opened.offset !== kept) {
      if (opened.offset !== 0) throw new Error(`a source asked for offset ${kept} has begun at ${opened.offset}`);
      writer.restart();
    }
    const file = streamFile(writer.path, { end: writer.offset, digest: source.digest });
    if (writer.offset > 0) yield* this.#counted(file, 0);
    if (opened !== undefined) yield* this.#counted(this.#received(opened.stream, writer), writer.offset);
  }

  async #open(offset: number): Promise<{ stream: AsyncIterable<Uint8Array>; offset: number }> {
    try {
      const opened = await this.#layer.source.open!(offset);
      return "stream" in opened ? opened : { stream: opened, offset };
    } catch (thrown) {
      this.#sourceFailed = true;
      throw thrown;
    }
  }

  async *#received(stream: AsyncIterable<Uint8Array>, writer: BlobWriter): AsyncGenerator<Uint8Array> {
    const { digest, size = Infinity } = this.#layer.source;
    const chunks = stream[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((thrown: unknown) => {
          this.#sourceFailed = true;
          throw thrown;
        });
        if (next.done) return;
        if (writer.offset + next.value.length > size) {
          throw mismatch({ wanted: digest, found: digest, size, got: writer.offset + next.value.length });
        }
        writer.write(next.value);
        yield next.value;
      }
    } finally {
      await chunks.return?.();
    }
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>, from: number): AsyncGenerator<Uint8Array> {
    let count = from;
    for await (const chunk of chunks) {
      count += chunk.length;
      this.#layer.onProgress?.(count);
      yield chunk;
    }
  }

  commit(): void {
    this.#writer?.commit({ digest: this.#layer.source.digest, size: this.#layer.source.size });
  }

  /** Ends the blob after a failure; returns what to throw. Bytes are kept only when the source broke off. */
  async fail(thrown: unknown): Promise<unknown> {
    const isContentWrong = thrown instanceof Fault && thrown.code === "layer.malformed";
    let verdict = thrown;
    if (isContentWrong && !this.#sourceFailed) verdict = (await this.#judgeRest()) ?? thrown;
    await this.#bytes?.return(undefined).catch(() => {});
    this.#writer?.abort({ drop: !this.#sourceFailed });
    return verdict;
  }

  /** Reads on to the end: bytes with a wrong digest are the reason for all that follows from them. */
  async #judgeRest(): Promise<unknown> {
    if (this.#writer === undefined || this.#bytes === undefined) return undefined;
    try {
      while (!(await this.#bytes.next()).done);
      this.commit();
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  }
}

interface Unpacked {
  readonly diffId: Digest;
  readonly size: number;
  readonly root: Unpacker["root"];
}

async function unpackInto(staged: string, source: AsyncIterable<Uint8Array>): Promise<Unpacked> {
  fs.mkdirSync(staged, { mode: 0o755 });
  const rootFd = openDirectory(staged);
  const unpacker = new Unpacker({ rootFd, ...privilege(), whiteouts: "overlay" });
  try {
    const reader = new TarReader(unpacker);
    const hasher = newHasher();
    let size = 0;
    await inflate(source, bytes => {
      hasher.update(bytes);
      size += bytes.length;
      reader.push(bytes);
    });
    reader.end();
    unpacker.finish();
    return { diffId: hasher.digest(), size, root: unpacker.root };
  } finally {
    unpacker.dispose();
    close(rootFd);
  }
}

const wrongDiff = (layer: ApplyLayer, found: Digest): Fault =>
  new Fault("digest.mismatch", `cannot unpack layer ${layer.source.digest}: its content has digest ${found}, not ${layer.diffId}`, {
    hint: "do not trust this image: its config and its layers do not belong together",
  });

/** Says which layer it was about. */
function explained(thrown: unknown, layer: ApplyLayer): unknown {
  if (!(thrown instanceof Fault)) return thrown;
  const about = `cannot unpack layer ${layer.source.digest.slice(0, 19)}: `;
  const isOurs = /^(layer|system)\./.test(thrown.code);
  if (!isOurs) return thrown;
  const details = { cause: thrown, hint: thrown.hint, errno: thrown.errno };
  return new Fault(thrown.code, about + thrown.message, details);
}
