import { expect, test } from "bun:test";
import { inPieces } from "./pieces.ts";

const joined = (sizes: readonly number[], size: number): [number[], string] => {
  let next = 0;
  const chunks = sizes.map(length => Uint8Array.from({ length }, () => next++ % 251));
  const pieces = [...function* () { for (const piece of inPieces(chunks, size)) yield piece.slice(); }()];
  const whole = Buffer.concat(chunks).toString("hex");
  return [pieces.map(({ length }) => length), Buffer.concat(pieces).toString("hex") === whole ? "same" : "other"];
};

test("small chunks are joined, large ones pass, and no byte is lost or moved", () => {
  expect(joined([], 8)).toEqual([[], "same"]);
  expect(joined([0, 0], 8)).toEqual([[], "same"]);
  expect(joined([3, 3, 3], 8)).toEqual([[6, 3], "same"]);
  expect(joined([3, 5, 1], 8)).toEqual([[8, 1], "same"]);
  expect(joined([2, 20, 8, 2], 8)).toEqual([[2, 20, 8, 2], "same"]);
  expect(joined(Array.from({ length: 100 }, () => 7), 64)).toEqual([[...Array.from({ length: 11 }, () => 63), 7], "same"]);
});
