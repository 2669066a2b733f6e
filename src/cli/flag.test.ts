// What each kind of flag reads and refuses.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { bytes, choice, decimal, duration, fill, flagName, goQuote, list, natural, readCsv, sets, text, texts, toggle, whole } from "./flag.ts";

const help = "";

test("a key in camel case is a name with dashes", () => expect(flagName("noTruncIp6")).toBe("no-trunc-ip6"));

test("toggles read Go's words for truth", () => {
  for (const word of ["1", "t", "T", "TRUE", "true", "True"]) expect(toggle({ help }).read(word, undefined)).toBe(true);
  for (const word of ["0", "f", "F", "FALSE", "false", "False"]) expect(toggle({ help }).read(word, undefined)).toBe(false);
  expect(() => toggle({ help }).read("yes", undefined)).toThrow('strconv.ParseBool: parsing "yes": invalid syntax');
});

test("whole numbers take signs and prefixes, natural ones no sign", () => {
  expect(["-7", "+7", "0x10", "010", "0"].map((raw) => whole({ help }).read(raw, undefined))).toEqual([-7, 7, 16, 8, 0]);
  expect(() => natural({ help }).read("-1", undefined)).toThrow('strconv.ParseUint: parsing "-1": invalid syntax');
  expect(() => whole({ help }).read("99999999999999999999", undefined)).toThrow("value out of range");
  expect(() => whole({ help }).read("1.5", undefined)).toThrow("invalid syntax");
});

test("sizes, lengths of time and fractions", () => {
  expect(bytes({ help }).read("64m", undefined)).toBe(67_108_864);
  expect(bytes({ help }).read("-1", undefined)).toBe(-1);
  expect(duration({ help }).read("1m30s", undefined)).toBe(90_000);
  expect(decimal({ help }).read("1.5", undefined)).toBe(1.5);
  expect(() => decimal({ help }).read("x", undefined)).toThrow('strconv.ParseFloat: parsing "x": invalid syntax');
});

test("a choice names what it would have taken", () => {
  expect(() => choice(["a", "b"], { help }).read("c", undefined)).toThrow('"c" is not a valid value.  Choose from: "a, b"');
});

test("texts keep commas, lists split at them, both add up", () => {
  expect(texts({ help }).read("c,d", ["a,b"])).toEqual(["a,b", "c,d"]);
  expect(list({ help }).read("c,d", ["a"])).toEqual(["a", "c", "d"]);
});

for (const [raw, fields] of [
  ["", []], ["a", ["a"]], ["a,b", ["a", "b"]], ["a,", ["a", ""]], [",", ["", ""]], ['"a,b",c', ["a,b", "c"]], ['"a""b"', ['a"b']], ['""', [""]],
] as const) {
  test(`CSV ${raw}`, () => expect(readCsv(raw)).toEqual([...fields]));
}

for (const bad of ['a"b', '"a', '"a"b', 'x,y"z']) {
  test(`CSV ${bad} is refused`, () => expect(() => readCsv(bad)).toThrow(/^parse error on line 1, column \d+: /));
}

test("any fields, quoted, read back", () => {
  const field = fc.string({ minLength: 1 }).filter((word) => !/[\r\n]/.test(word));
  fc.assert(
    fc.property(fc.array(field, { minLength: 1 }), (fields) => {
      const line = fields.map((word) => `"${word.replaceAll('"', '""')}"`).join(",");
      expect(readCsv(line)).toEqual(fields);
    }),
  );
});

test("only flags that were written set their fields", () => {
  const table = {
    name: sets(text({ help }), (spec: Record<string, unknown>, name) => void (spec["name"] = name)),
    all: sets(toggle({ help }), (spec: Record<string, unknown>, all) => void (spec["all"] = all)),
  };
  const spec = {};
  fill(table, { flags: { name: "web", all: false }, given: new Set(["name"]) }, spec);
  expect(spec).toEqual({ name: "web" });
});

test("quotes as Go's %q", () => expect(goQuote('a"b\n\x07\x01')).toBe('"a\\"b\\n\\a\\x01"'));
