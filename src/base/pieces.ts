// Many small chunks as few larger pieces, for writers to whom each call costs more than its bytes.

/** Pieces of `size` bytes and a last one; chunks that are larger go through as they are. Each is valid until the next is asked for. */
export function* inPieces(chunks: Iterable<Uint8Array>, size: number): Generator<Uint8Array> {
  const piece = new Uint8Array(size);
  let used = 0;
  for (const chunk of chunks) {
    if (used > 0 && used + chunk.length > size) {
      yield piece.subarray(0, used);
      used = 0;
    }
    if (chunk.length >= size) {
      yield chunk;
      continue;
    }
    piece.set(chunk, used);
    used += chunk.length;
  }
  if (used > 0) yield piece.subarray(0, used);
}
