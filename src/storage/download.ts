// The bytes of one blob on their way into the store, and the verdict over them when something goes wrong.

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { freePiece } from "../base/garbage.ts";
import { AT_FDCWD, closeQuietly, O_RDONLY, openat2 } from "../kernel/files.ts";
import { releaseOwnCode } from "../kernel/own-pages.ts";
import { mismatch } from "./blobs.ts";
import type { BlobWriter, LayerSource } from "./store.ts";

export class Download {
  readonly #source: LayerSource;
  readonly #writer: BlobWriter;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #sourceFailed = false;
  /** Of the file that has the bytes, while they are copied from there. */
  #part = -1;

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
    if (source.part !== undefined) {
      this.#part = await this.#guarded(async () => openat2(AT_FDCWD, source.part!.lies.path, { flags: O_RDONLY }));
      return;
    }
    const opened = await this.#guarded(() => source.open!(writer.offset));
    const { stream, offset } = "stream" in opened ? opened : { stream: opened, offset: writer.offset };
    if (offset !== writer.offset) {
      if (offset !== 0) throw new Error(`a source asked for offset ${writer.offset} has begun at ${offset}`);
      writer.restart();
    }
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  #copied(): number {
    const { lies, signal, onBytes } = this.#source.part!;
    if (signal.aborted) throw new Fault("registry.failed", "cannot copy layer: stopped because another layer failed");
    const at = this.#writer.offset;
    const copied = this.#writer.copy({ fd: this.#part, position: lies.start + at, bytes: Math.min(copyBytes, lies.bytes - at) });
    onBytes(this.#writer.offset);
    return copied;
  }

  #endCopying(): void {
    closeQuietly(this.#part);
    this.#part = -1;
  }

  async #stepCopying(): Promise<boolean> {
    if (this.#writer.offset === this.#source.part!.lies.bytes) return false;
    const copied = await this.#guarded(async () => this.#copied());
    if (copied === 0) throw new Fault("image.malformed", `cannot copy layer from "${this.#source.part!.lies.path}": it ends early`);
    return true;
  }

  /** Takes one chunk; false at the end. */
  async step(): Promise<boolean> {
    if (this.#part >= 0) return this.#stepCopying();
    const next = await this.#guarded(async () => this.#chunks?.next());
    if (next === undefined || next.done) return false;
    const { digest, size = Infinity } = this.#source;
    const got = this.#writer.offset + next.value.length;
    if (got > size) throw mismatch({ wanted: digest, found: digest, size, got });
    this.#writer.write(next.value);
    dropReceived(next.value);
    return true;
  }

  /** @param found the digest of all that has come, where someone has computed it. @throws Fault "digest.mismatch", after which nothing of it is left */
  commit(found?: Digest): void {
    this.#endCopying();
    const { digest, size } = this.#source;
    this.#writer.commit({ digest, size, ...(found === undefined ? {} : { found }) });
  }

  /**
   * Ends it after a failure and returns what to throw: when the content made no sense, a wrong digest is the reason
   * for that. Bytes are kept for the next try only when the source broke off.
   */
  async fail(thrown: unknown): Promise<unknown> {
    const makesNoSense = thrown instanceof Fault && thrown.code === "layer.malformed";
    const verdict = makesNoSense && !this.#sourceFailed ? ((await this.#judgeAll()) ?? thrown) : thrown;
    this.#endCopying();
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

const copyBytes = 4 * 1024 * 1024;

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
