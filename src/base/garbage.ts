// Memory of pieces that have gone by. It lies outside the heap the runtime watches, and would grow by a hundred MB before it looks.

const bytesMax = 8 * 1024 * 1024;
let gone = 0;
let onlyOurs: WeakSet<ArrayBufferLike> | undefined;

/** To be told of each piece of a long stream that nobody needs any more. Does nothing under Node. */
export function pieceGone(bytes: number): void {
  gone += bytes;
  if (gone < bytesMax) return;
  gone = 0;
  (globalThis as { Bun?: { gc(now: boolean): void } }).Bun?.gc(true);
}

/** Says that whoever gets this piece has it alone, so that its last reader may free it. */
export function givenAway(piece: Uint8Array): Uint8Array {
  if (piece.byteLength === piece.buffer.byteLength) (onlyOurs ??= new WeakSet()).add(piece.buffer);
  return piece;
}

/** To be called by the last reader of a piece: one that was given away is free at once, before the next needs memory that the system has to find first. */
export function freePiece(piece: Uint8Array): void {
  const { buffer, length } = piece;
  // A part of one that was given away may have a neighbour.
  if (length === buffer.byteLength && onlyOurs?.has(buffer) && buffer instanceof ArrayBuffer && "transfer" in buffer) buffer.transfer(0);
  else pieceGone(length);
}
