// JSON as Go prints it.

import { expect, test } from "bun:test";
import { goJson } from "./go-json.ts";

test("angle brackets and ampersands are escaped unless asked not to", () => {
  expect(goJson({ a: "<b>&\u2028" })).toBe('{"a":"\\u003cb\\u003e\\u0026\\u2028"}');
  expect(goJson("<b>&", { escapeHtml: false })).toBe('"<b>&"');
});

test("big integers keep every digit, absent fields go, half a pair is replaced", () => {
  expect(goJson({ n: 9_007_199_254_740_993n, gone: undefined, s: "\ud800" })).toBe('{"n":9007199254740993,"s":"\\ufffd"}');
});

test("indented, with empty ones closed at once", () => {
  expect(goJson({ a: [], b: {}, c: [1] }, { indent: "    " })).toBe('{\n    "a": [],\n    "b": {},\n    "c": [\n        1\n    ]\n}');
});

test("nothing is null", () => expect(goJson(undefined)).toBe("null"));
