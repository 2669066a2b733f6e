// Ranges of versions: what fits each operator, and that text which is no range is refused.

import { expect, test } from "bun:test";
import { versionConstraint } from "./version-range.ts";

const cases: [range: string, fits: string[], others: string[]][] = [
  [">=3.14", ["3.14", "3.14.0", "v3.20", "4"], ["3.13.9", "3", "edge", "3.15-rc1"]],
  [">1.2", ["1.3", "2"], ["1.2.9", "1.2"]],
  ["<=1.2", ["1.2.9", "1.2", "0.1"], ["1.3"]],
  ["~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]],
  ["~1", ["1.9"], ["2.0"]],
  ["^1.2", ["1.9.1"], ["2.0.0", "1.1"]],
  ["^0.2.3", ["0.2.9"], ["0.3.0"]],
  ["1.2 - 1.4", ["1.2", "1.4.9"], ["1.5"]],
  [">=1.1, <2", ["1.1", "1.9"], ["2.0", "1.0"]],
  [">=1.1 <2 || 5.x", ["1.5", "5.3"], ["3", "6"]],
  ["!=1.2", ["1.3"], ["1.2.5"]],
  [">=1.0-alpha", ["1.0-beta", "1.0", "2.0-rc.1"], ["0.9"]],
  ["1.2.3", ["1.2.3", "v1.2.3+build"], ["1.2.4"]],
  ["*", ["0.1", "9"], ["latest", "1.0-rc1"]],
];

for (const [range, fits, others] of cases) {
  test(`${range} fits ${fits.join(", ")}`, () => {
    const isIn = versionConstraint(range);
    expect(fits.filter(tag => !isIn(tag))).toEqual([]);
    expect(others.filter(isIn)).toEqual([]);
  });
}

for (const range of ["", "latest", ">=", ">=1 && <2", "1..2", "=>>1"]) {
  test(`${JSON.stringify(range)} is refused`, () => {
    expect(() => versionConstraint(range)).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });
}
