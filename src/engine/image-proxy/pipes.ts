// Pipes to whoever speaks to an image proxy: filled beside everything else, as fast as the other side reads.
// Source: pipe(7).

import { closeQuietly, pipe2, setNonBlocking } from "../../kernel/data.ts";

/** The other side closed its end: nothing that went wrong with an image. */
export class PipeClosed extends Error {}

export interface Filling {
  /** The end to hand over; whoever hands it over closes it here. */
  readonly reading: number;
  /** Settles once all bytes are in, or it failed; the pipe stays open. */
  readonly filled: Promise<void>;
  /** Lets the reader see the end. */
  close(): Promise<void>;
}

export function fillPipe(bytes: AsyncIterable<Uint8Array>): Filling {
  const [reading, writing] = pipe2();
  setNonBlocking(writing);
  const sink = Bun.file(writing).writer({ highWaterMark: 64 * 1024 });
  const filled = pour(bytes, sink);
  // Asked for later, or never where the connection ends first.
  filled.catch(() => undefined);
  return {
    reading,
    filled,
    async close() {
      await Promise.resolve(sink.end()).catch(() => undefined);
      closeQuietly(writing);
    },
  };
}

async function pour(bytes: AsyncIterable<Uint8Array>, sink: Bun.FileSink): Promise<void> {
  for await (const piece of bytes) {
    try {
      await sink.write(piece);
      await sink.flush();
    } catch (cause) {
      if ((cause as { code?: unknown }).code === "EPIPE") throw new PipeClosed("write: broken pipe", { cause });
      throw cause;
    }
  }
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield bytes;
}
