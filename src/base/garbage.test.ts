// Memory of pieces: freed at once where it is one reader's alone, and never under the feet of another.

import { expect, test } from "bun:test";
import { freePiece, givenAway } from "./garbage.ts";

test("a piece that was given away is freed by its last reader", () => {
  const piece = givenAway(new Uint8Array(1000));
  freePiece(piece);
  expect([piece.length, piece.buffer.byteLength]).toEqual([0, 0]);
});

test("a part of a larger piece, and what nobody gave away, stay", () => {
  const whole = new Uint8Array(1000);
  const part = givenAway(whole.subarray(10));
  freePiece(part);
  freePiece(whole);
  const given = givenAway(new Uint8Array(100));
  const half = given.subarray(50);
  freePiece(half);
  expect([part.length, whole.length, given.length]).toEqual([990, 1000, 100]);
});
