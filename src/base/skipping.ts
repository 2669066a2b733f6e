// A stream without its beginning.

/** The bytes behind the first `bytes`. */
export async function* skipping(stream: AsyncIterable<Uint8Array>, bytes: number): AsyncIterable<Uint8Array> {
  let left = bytes;
  for await (const part of stream) {
    const skipped = Math.min(left, part.length);
    left -= skipped;
    if (skipped < part.length) yield skipped > 0 ? part.subarray(skipped) : part;
  }
}
