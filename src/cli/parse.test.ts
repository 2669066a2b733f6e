// The grammar of command lines, and what is said of lines that break it.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { flagName, list, text, texts, toggle, whole } from "./flag.ts";
import { editDistance, nearest, openScope, parseLine } from "./parse.ts";

const help = "";
const table = {
  all: toggle({ short: "a", help }),
  quiet: toggle({ short: "q", help }),
  env: texts({ short: "e", help }),
  cap: list({ help }),
  name: text({ help, aliases: ["called"] }),
  last: whole({ short: "n", help, fallback: -1 }),
  pull: text({ help, bare: "always" }),
  noTrunc: toggle({ help }),
  old: toggle({ help, deprecated: "use --all" }),
};

function read(...words: string[]) {
  const scope = openScope(table);
  const line = parseLine(words, [scope], { path: "podman ps" });
  return { ...line, flags: scope.flags, given: [...scope.given] };
}

for (const [words, flags, operands] of [
  [["-aq"], { all: true, quiet: true }, []],
  [["-aqn5"], { all: true, quiet: true, last: 5 }, []],
  [["-n=5"], { last: 5 }, []],
  [["-n", "-5"], { last: -5 }, []],
  [["--last=7", "x"], { last: 7 }, ["x"]],
  [["x", "--all", "y"], { all: true }, ["x", "y"]],
  [["--all=false"], { all: false }, []],
  [["--all", "false"], { all: true }, ["false"]],
  [["-e", "A=1", "-eB=2", "--env=C=3,4"], { env: ["A=1", "B=2", "C=3,4"] }, []],
  [["--cap", "a,b", "--cap=c"], { cap: ["a", "b", "c"] }, []],
  [["--pull", "x"], { pull: "always" }, ["x"]],
  [["--pull=never"], { pull: "never" }, []],
  [["--called", "web"], { name: "web" }, []],
  [["--no-trunc"], { noTrunc: true }, []],
  [["--", "--all"], {}, ["--all"]],
  [["-"], {}, ["-"]],
  [["--name="], { name: "" }, []],
] as const) {
  test(`podman ps ${words.join(" ")}`, () => {
    const line = read(...words);
    expect(line.operands).toEqual([...operands]);
    expect(line.flags).toMatchObject(flags);
    expect(line.given.sort()).toEqual(Object.keys(flags).sort());
  });
}

for (const [words, message] of [
  [["--hep"], "unknown flag: --hep\nSee 'podman ps --help'"],
  [["-aqx"], "unknown shorthand flag: 'x' in -x\nSee 'podman ps --help'"],
  [["-xa"], "unknown shorthand flag: 'x' in -xa\nSee 'podman ps --help'"],
  [["--name"], "flag needs an argument: --name\nSee 'podman ps --help'"],
  [["-an"], "flag needs an argument: 'n' in -n\nSee 'podman ps --help'"],
  [["--last", "x"], 'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax\nSee \'podman ps --help\''],
  [["--all=x"], 'invalid argument "x" for "-a, --all" flag: strconv.ParseBool: parsing "x": invalid syntax\nSee \'podman ps --help\''],
  [["--=x"], "bad flag syntax: --=x\nSee 'podman ps --help'"],
  [["---x"], "bad flag syntax: ---x\nSee 'podman ps --help'"],
  [["--noTrunc"], "unknown flag: --noTrunc\nSee 'podman ps --help'"],
  [["--constructor"], "unknown flag: --constructor\nSee 'podman ps --help'"],
  [["--__proto__"], "unknown flag: --__proto__\nSee 'podman ps --help'"],
] as const) {
  test(`podman ps ${words.join(" ")} is refused`, () => {
    expect(() => read(...words)).toThrow(expect.objectContaining({ code: "usage.invalid", message, exit: 125 }));
  });
}

test("a near flag is suggested, a far one is not", () => {
  expect(() => read("--quite")).toThrow(expect.objectContaining({ hint: "Did you mean --quiet?" }));
  expect(() => read("--zzz")).toThrow(expect.objectContaining({ hint: undefined }));
});

test("-h and --help ask for help where no flag has them, and a broken line is told first", () => {
  expect(read("-h").asksHelp).toBe(true);
  expect(read("--help").asksHelp).toBe(true);
  expect(() => read("--name", "x", "--bogus", "-h")).toThrow("unknown flag: --bogus");
});

test("flags end at the first operand where they must not be mixed", () => {
  const scope = openScope(table);
  const line = parseLine(["-a", "image", "-q", "--", "x"], [scope], { path: "podman run", interspersed: false });
  expect(line.operands).toEqual(["image", "-q", "--", "x"]);
  expect([...scope.given]).toEqual(["all"]);
});

test("a deprecated flag works and is told", () => {
  expect(read("--old").warnings).toEqual(["Flag --old has been deprecated, use --all"]);
});

test("the first table that knows a name has it", () => {
  const [own, outer] = [openScope({ all: toggle({ help }) }), openScope(table)];
  parseLine(["--all", "-q"], [own, outer], { path: "x" });
  expect([[...own.given], [...outer.given]]).toEqual([["all"], ["quiet"]]);
});

/** How a person may write one flag, and what it then is. */
const written = fc.oneof(
  fc.record({ key: fc.constantFrom("all", "quiet", "noTrunc"), value: fc.boolean() }).map(({ key, value }) => ({
    key, value, words: [[`--${flagName(key)}=${value}`]],
  })),
  fc.string().map((value) => ({ key: "name", value, words: [["--name", value], [`--name=${value}`]] })),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 }).map((value) => ({
    key: "last", value, words: [["-n", `${value}`], [`-n${value}`], [`--last=${value}`], ["--last", `${value}`]],
  })),
);

test("every way of writing a flag says the same, wherever it stands among the operands", () => {
  const operand = fc.string({ minLength: 1 }).filter((word) => !word.startsWith("-"));
  fc.assert(
    fc.property(written, fc.array(operand), fc.nat(), (flag, operands, place) => {
      for (const words of flag.words) {
        const at = place % (operands.length + 1);
        const line = read(...operands.slice(0, at), ...words, ...operands.slice(at));
        expect(line.operands).toEqual(operands);
        expect(line.flags[flag.key]).toEqual(flag.value);
      }
    }),
  );
});

test("no words whatever throw anything but a usage fault", () => {
  const word = fc.oneof(fc.string(), fc.string().map((rest) => `-${rest}`), fc.string().map((rest) => `--${rest}`));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      try {
        read(...words);
      } catch (error) {
        expect(error).toMatchObject({ code: "usage.invalid" });
      }
    }),
  );
});

test("distances", () => {
  expect([editDistance("kitten", "sitting"), editDistance("", "abc"), editDistance("a".repeat(65), "a")]).toEqual([3, 3, Infinity]);
  expect(nearest("detatch", ["detach", "detach-keys", "device"])).toBe("detach");
});
