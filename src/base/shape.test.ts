// Outside JSON: bounds hold, and a fault names the field.

import { expect, test } from "bun:test";
import { findList, findText, findTextMap, needWhole, parseJson } from "./shape.ts";

const about = { what: "thing", code: "input.malformed" } as const;

test("a document within its bounds is parsed", () => {
  expect(parseJson('{"a":["[[[[","\\"["]}', about, 100)).toEqual({ a: ["[[[[", '"['] });
});

const bad: readonly (readonly [string, string | Uint8Array, string])[] = [
  ["too large", `"${"x".repeat(200)}"`, "larger than 100 bytes"],
  ["too deep", "[".repeat(70), "nested deeper than 64 levels"],
  ["no JSON", "{", "not JSON"],
  ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "not UTF-8"],
];
for (const [title, bytes, reason] of bad) {
  test(`a document that is ${title} is refused`, () => {
    expect(() => parseJson(bytes, about, 100)).toThrow(`cannot read thing: ${reason}`);
  });
}

test("a field of another kind is named", () => {
  expect(() => findText({ a: 1 }, "a", about)).toThrow('cannot read thing: "a" is not a text');
  expect(() => needWhole({ a: -1 }, "a", about)).toThrow('"a" is not a whole number');
  expect(() => needWhole({}, "a", about)).toThrow('"a" is missing');
  expect(() => findList({ a: [1, 2] }, "a", about, 1)).toThrow('"a" has more than 1 entries');
  expect(() => findTextMap({ a: { b: 1 } }, "a", about)).toThrow('"a" holds something else than texts');
});

test("null and absent are the same", () => {
  expect([findText({ a: null }, "a", about), findTextMap({}, "a", about)]).toEqual([undefined, undefined]);
});
