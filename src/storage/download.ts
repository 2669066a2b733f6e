// The bytes of one blob on their way into the store, and the verdict over them when something goes wrong.

import { Fault } from "../base/fault.ts";
import { freePiece } from "../base/garbage.ts";
import { releaseOwnCode } from "../kernel/own-pages.ts";
import { mismatch } from "./blobs.ts";
import type { BlobWriter, LayerSource } from "./store.ts";

export class Download {
  readonly #source: LayerSource;
  readonly #writer: BlobWriter;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #sourceFailed = false;

  constructor(source: LayerSource, writer: BlobWriter) {
    this.#source = source;
    this.#writer = writer;
  }

  get offset(): number {
    return this.#writer.offset;
  }

  get path(): string {
    return this.#writer.path;
  }

  /** Asks the source to go on from what is here. After it, what is here stays. */
  async begin(): Promise<void> {
    const { source, writer } = { source: this.#source, writer: this.#writer };
    if (source.size !== undefined && writer.offset > source.size) writer.restart();
    if (writer.offset === source.size && writer.offset > 0) return;
    const opened = await this.#guarded(() => source.open!(writer.offset));
    const { stream, offset } = "stream" in opened ? opened : { stream: opened, offset: writer.offset };
    if (offset !== writer.offset) {
      if (offset !== 0) throw new Error(`a source asked for offset ${writer.offset} has begun at ${offset}`);
      writer.restart();
    }
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Takes one chunk; false at the end. */
  async step(): Promise<boolean> {
    const next = await this.#guarded(async () => this.#chunks?.next());
    if (next === undefined || next.done) return false;
    const { digest, size = Infinity } = this.#source;
    const got = this.#writer.offset + next.value.length;
    if (got > size) throw mismatch({ wanted: digest, found: digest, size, got });
    this.#writer.write(next.value);
    dropReceived(next.value);
    return true;
  }

  /** @throws Fault "digest.mismatch", after which nothing of it is left */
  commit(): void {
    this.#writer.commit({ digest: this.#source.digest, size: this.#source.size });
  }

  /**
   * Ends it after a failure and returns what to throw: when the content made no sense, a wrong digest is the reason
   * for that. Bytes are kept for the next try only when the source broke off.
   */
  async fail(thrown: unknown): Promise<unknown> {
    const makesNoSense = thrown instanceof Fault && thrown.code === "layer.malformed";
    const verdict = makesNoSense && !this.#sourceFailed ? ((await this.#judgeAll()) ?? thrown) : thrown;
    await this.#chunks?.return?.().catch(() => {});
    this.#writer.abort({ drop: !this.#sourceFailed });
    return verdict;
  }

  async #judgeAll(): Promise<unknown> {
    try {
      while (await this.step());
      this.commit();
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  }

  async #guarded<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      this.#sourceFailed = true;
      throw thrown;
    }
  }
}

/** The start of the network and of each unpacking thread leaves code behind that is not needed again. */
const bytesPerRelease = 8 * 1024 * 1024;
let releaseAt = 2 * 1024 * 1024;
let received = 0;

function dropReceived(piece: Uint8Array): void {
  received += piece.length;
  freePiece(piece);
  if (received < releaseAt) return;
  releaseAt = received + bytesPerRelease;
  releaseOwnCode();
}
