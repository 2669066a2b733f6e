// Memory of pieces that have gone by. It lies outside the heap the runtime watches, and would grow by a hundred MB before it looks.

const bytesMax = 8 * 1024 * 1024;
let gone = 0;

/** To be told of each piece of a long stream that nobody needs any more. Does nothing under Node. */
export function pieceGone(bytes: number): void {
  gone += bytes;
  if (gone < bytesMax) return;
  gone = 0;
  (globalThis as { Bun?: { gc(now: boolean): void } }).Bun?.gc(true);
}
