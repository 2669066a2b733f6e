import { expect, test } from "bun:test";
import { parseToml } from "./toml.ts";

test("tables, arrays of tables and dotted names are read", () => {
  const read = parseToml('a = 1\n[aliases]\n"x/y" = "r.test/x/y"\n[[registry]]\nlocation = "r.test"\ninsecure = true\n', "f");
  expect(read["a"]).toBe(1);
  expect(read["aliases"]).toEqual({ "x/y": "r.test/x/y" });
  expect(read["registry"]).toEqual([{ location: "r.test", insecure: true }]);
});

test("an integer past 2^53 is read", () => {
  expect(parseToml("a = 9223372036854775807\n", "f")["a"]).toBe(9223372036854775807n);
});

for (const [text, place] of [
  ["ok = 1\na = \n", ":2:"],
  ["a = 1\n\na = 2\n", ":3:"],
  ["[x\n", ":1:"],
] as const) {
  test(`the fault names the place: ${JSON.stringify(text)}`, () => {
    expect(() => parseToml(text, "/etc/some.conf")).toThrow(
      expect.objectContaining({ code: "config.invalid", message: expect.stringContaining(`/etc/some.conf${place}`) }),
    );
  });
}
