// Ignore rules: tables by Docker's documentation, and properties over random patterns and paths.

import { expect, test } from "bun:test";
import { ignorePatterns, ignoreRules } from "./ignore.ts";

const excluded = (text: string, path: string): boolean => ignoreRules(ignorePatterns(text)).excludes(path);

for (const [rules, path, expected] of [
  ["*.log", "a.log", true], ["*.log", "sub/a.log", false], ["**/*.log", "sub/deep/a.log", true], ["**/*.log", "a.log", true],
  ["/foo", "foo", true], ["foo", "foo/bar", true], ["foo/", "foo/bar", true], ["./foo", "foo", true], ["foo", "sub/foo", false],
  ["temp?", "tempa", true], ["temp?", "temp", false], ["*/temp*", "sub/temporary", true], ["*/*/temp*", "a/b/temp", true], ["*/*/temp*", "a/temp", false],
  ["*\n!keep", "keep", false], ["*\n!keep", "other", true], ["*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true],
  ["*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false], ["# a comment\n\n  spaced  \n", "spaced", true], ["#x", "#x", false],
  ["a[0-9]", "a5", true], ["a[0-9]", "ab", false], ["a\\*", "a*", true], ["a\\*", "ab", false], ["**", "any/thing", true], ["a/**/b", "a/b", true], ["a/**/b", "a/x/y/b", true],
  ["dir\n!dir/keep", "dir/keep", false], ["dir\n!dir/keep", "dir/other", true], ["a/../b", "b", true], [".", "x", false],
] as const) {
  test(`${JSON.stringify(rules)} ${expected ? "leaves" : "lets"} ${path} ${expected ? "out" : "in"}`, () => {
    expect(excluded(rules, path)).toBe(expected);
  });
}

test("below a directory that is left out only what an exception names by its whole path may be in", () => {
  const rules = ignoreRules(ignorePatterns("sub\nother\n!sub/deep/x\n!*/y\n"));
  expect([rules.mayIncludeBelow("sub"), rules.mayIncludeBelow("sub/deep"), rules.mayIncludeBelow("other")]).toEqual([true, true, false]);
});

test("a pattern that is none is refused", () => {
  for (const pattern of ["[", "a\\", "[]"]) expect(() => ignoreRules([pattern]).excludes("a")).toThrow(expect.objectContaining({ code: "input.malformed" }));
});

test("a rule and its exception undo each other, and what is below goes with its directory", () => {
  let state = 3;
  const next = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const names = ["a", "b", "c.txt", "dd"];
  for (let turn = 0; turn < 3000; turn++) {
    const path = Array.from({ length: 1 + next(4) }, () => names[next(names.length)]!).join("/");
    const parts = path.split("/");
    const upTo = parts.slice(0, 1 + next(parts.length)).join("/");
    expect(excluded(upTo, path)).toBe(true);
    expect(excluded(`${upTo}\n!${path}`, path)).toBe(false);
    expect(excluded(`**/${parts.at(-1)}`, path)).toBe(true);
    expect(excluded(`${path}x`, path)).toBe(false);
  }
});
