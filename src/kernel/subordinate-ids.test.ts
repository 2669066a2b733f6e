// Which ranges of /etc/subuid are a user's.

import { expect, test } from "bun:test";
import { readRanges, userName } from "./subordinate-ids.ts";

const user = { name: "ann", id: 1000 };

test("ranges are a user's by name and by number, in the file's order", () => {
  const text = "bob:1:2\nann:100000:65536\n1000:300000:10\nann:400000:1\n";
  expect(readRanges(text, user)).toEqual([{ start: 100000, count: 65536 }, { start: 300000, count: 10 }, { start: 400000, count: 1 }]);
});

for (const line of ["ann:100000", "ann:x:5", "ann:-1:5", "ann:1:0", "ann:4294967290:100", "ann:900:200", "annx:5000:5", "ann:99999999999:1", ""]) {
  test(`a line that gives nothing: ${JSON.stringify(line)}`, () => {
    expect(readRanges(line, user)).toEqual([]);
  });
}

test("a range that overlaps one before it is left out", () => {
  expect(readRanges("ann:100000:100\nann:100050:100\n", user)).toEqual([{ start: 100000, count: 100 }]);
});

test("the name of a number comes from the system", () => {
  expect(userName(0)).toBe("root");
  expect(userName(3_999_999_999)).toBeUndefined();
});
