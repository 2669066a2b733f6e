// Inflated bytes as a stream that is pulled, over the store's inflater that pushes.

import { pieceGone } from "../base/garbage.ts";
import { inflate } from "../storage/inflate.ts";

/** gzip, zstd or plain, told apart by the first bytes. Never holds more than what one piece of input inflates to. */
export async function* inflated(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let ready: Uint8Array[] = [];
  let wakeReader = (): void => {};
  let wakeFeeder = (): void => {};
  let stopped = false;
  async function* fed(): AsyncIterable<Uint8Array> {
    for await (const piece of input) {
      yield piece;
      if (stopped) return;
      if (ready.length > 0) await new Promise<void>(resolve => (wakeFeeder = resolve));
    }
  }
  let finished = false;
  let failure: { readonly thrown: unknown } | undefined;
  const done = inflate(fed(), bytes => {
    ready.push(bytes.slice());
    wakeReader();
  }).catch((thrown: unknown) => void (failure = { thrown })).finally(() => {
    finished = true;
    wakeReader();
  });
  try {
    while (true) {
      if (ready.length === 0 && !finished) await new Promise<void>(resolve => (wakeReader = resolve));
      const pieces = ready;
      ready = [];
      for (const piece of pieces) {
        yield piece;
        pieceGone(piece.length);
      }
      wakeFeeder();
      if (finished && ready.length === 0) break;
    }
    if (failure) throw failure.thrown;
  } finally {
    stopped = true;
    wakeFeeder();
    await done;
  }
}
