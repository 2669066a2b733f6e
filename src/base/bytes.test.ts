// Sizes for people, by cases of go-units.

import { expect, test } from "bun:test";
import { formatG, humanBinarySize, humanSize, humanSizeTight, parseSize } from "./bytes.ts";

for (const [size, shown] of [
  [0, "0 B"], [999, "999 B"], [1000, "1 kB"], [1234, "1.23 kB"], [7_654_321, "7.65 MB"], [1_230_000_000, "1.23 GB"],
  [100_400, "100 kB"], [999_600, "1e+03 kB"],
] as const) {
  test(`${size} bytes are ${shown}`, () => expect(humanSize(size)).toBe(shown));
}

test("four digits without a space, as stats print them", () => expect(humanSizeTight(1_234_567, 4)).toBe("1.235MB"));
test("binary steps", () => expect([humanBinarySize(1536), humanBinarySize(3 * 1024 ** 3)]).toEqual(["1.5KiB", "3GiB"]));

for (const [written, size] of [
  ["32", 32], ["32b", 32], ["32k", 32_768], ["32K", 32_768], ["32kb", 32_768], ["32KiB", 32_768], ["32 m", 33_554_432],
  ["1.5g", 1_610_612_736], ["0", 0], ["0.5k", 512],
] as const) {
  test(`"${written}" reads as ${size}`, () => expect(parseSize(written)).toBe(size));
}

for (const bad of ["", "x", "-5m", "1x", "1 kk", "m", "1ib", "1..2m", "0x10"]) {
  test(`"${bad}" is no size`, () => expect(() => parseSize(bad)).toThrow(/^invalid (size|suffix): '/));
}

for (const [value, digits, shown] of [
  [0, 3, "0"], [0.0001, 3, "0.0001"], [0.00001, 3, "1e-05"], [123456, 3, "1.23e+05"], [1.5, 4, "1.5"], [-2.25, 2, "-2.2"],
] as const) {
  test(`%.${digits}g of ${value} is ${shown}`, () => expect(formatG(value, digits)).toBe(shown));
}
