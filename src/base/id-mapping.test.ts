import { expect, test } from "bun:test";
import { filled, insideId, joined, outsideId, replacing, without } from "./id-mapping.ts";

const line = (containerId: number, hostId: number, size: number) => ({ containerId, hostId, size });

test("an ID is found on either side of a map, and is not where no line speaks of it", () => {
  const maps = [line(0, 1, 5), line(5, 0, 1)];
  expect([outsideId(0, maps), outsideId(5, maps), outsideId(6, maps), insideId(0, maps), insideId(5, maps), insideId(6, maps)]).toEqual([1, 0, undefined, 5, 4, undefined]);
});

test("a line replaces what others say of its IDs inside and outside", () => {
  expect(joined(replacing([line(0, 1, 10)], line(3, 0, 1)))).toEqual([line(0, 1, 3), line(3, 0, 1), line(4, 5, 6)]);
  expect(joined(replacing([line(0, 0, 10)], line(2, 6, 2)))).toEqual([line(0, 0, 2), line(2, 6, 2), line(4, 4, 2), line(8, 8, 2)]);
  expect(replacing([line(0, 0, 2)], line(0, 7, 5))).toEqual([line(0, 7, 5)]);
});

test("ranges lose what is taken, at the ends and in the middle", () => {
  expect(without([{ start: 0, count: 10 }], [{ start: 2, count: 3 }, { start: 9, count: 5 }])).toEqual([{ start: 0, count: 2 }, { start: 5, count: 4 }]);
  expect(without([{ start: 5, count: 1 }], [{ start: 0, count: 100 }])).toEqual([]);
});

test("gaps inside are filled from what is free outside, up to an end", () => {
  expect(filled([line(5, 77, 1)], [{ start: 10, count: 3 }, { start: 20, count: 100 }], 8)).toEqual([line(0, 10, 3), line(3, 20, 2), line(5, 77, 1), line(6, 22, 2)]);
  expect(filled([], [])).toEqual([]);
});
