// The parser, variable expansion and heredocs: tables of cases, and properties over random input.

import { expect, test } from "bun:test";
import { expandWord, expandWords } from "./expand.ts";
import { instructionNames, parseContainerfile } from "./parse.ts";

const variables = new Map([["foo", "bar"], ["path", "/usr/local/lib"], ["empty", ""], ["file", "archive.tar.gz"], ["two", "a b"]]);

/** Small and repeatable. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

for (const [word, expected] of [
  ["$foo", "bar"], ["${foo}", "bar"], ["x${foo}y", "xbary"], ["$fooy", ""], ["'$foo'", "$foo"], ['"$foo"', "bar"], ["\\$foo", "$foo"],
  ["${none:-word}", "word"], ["${empty:-word}", "word"], ["${empty-word}", ""], ["${none-word}", "word"], ["${foo:-word}", "bar"],
  ["${foo:+word}", "word"], ["${none:+word}", ""], ["${empty+word}", "word"], ["${none:-${foo}}", "bar"], ["${none:-$foo/x}", "bar/x"],
  ["${file#*.}", "tar.gz"], ["${file##*.}", "gz"], ["${file%.*}", "archive.tar"], ["${file%%.*}", "archive"], ["${path#/usr/}", "local/lib"],
  ["${file/a/A}", "Archive.tar.gz"], ["${file//a/A}", "Archive.tAr.gz"], ["${file/#arch/X}", "Xive.tar.gz"], ["${file/%gz/xz}", "archive.tar.xz"], ["${file/.tar}", "archive.gz"],
  ["$", "$"], ["a$", "a$"], ["$$foo", "$bar"], ["\"a\\\"b\"", 'a"b'], ["a\\ b", "a b"], ["'it''s'", "its"], ['"\\n"', "\\n"],
] as const) {
  test(`${word} is ${JSON.stringify(expected)}`, () => {
    expect(expandWord(word, variables)).toBe(expected);
  });
}

for (const word of ["${foo", "${foo:-x", "'open", '"open', "${foo@U}", "${foo:*x}", "${foo#}", "${none:?}", "${foo/}", "${}"]) {
  test(`${word} is refused`, () => {
    expect(() => expandWord(word, variables)).toThrow(expect.objectContaining({ code: "containerfile.malformed" }));
  });
}

test("what a variable brings is split where it was not quoted", () => {
  expect(expandWords("$two c", variables)).toEqual(["a", "b", "c"]);
  expect(expandWords('"$two" c', variables)).toEqual(["a b", "c"]);
  expect(expandWords("a\\ b", variables)).toEqual(["a b"]);
});

test("any text in single quotes comes out as it is, and any text at all is read or refused with the one code", () => {
  const next = random(7);
  const alphabet = "ab$ {}\\\"':-+?#%/*[]=\t";
  for (let turn = 0; turn < 20_000; turn++) {
    const text = Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join("");
    if (!text.includes("'")) expect(expandWord(`'${text}'`, variables)).toBe(text);
    try {
      expandWord(text, variables);
    } catch (thrown) {
      expect((thrown as { code?: string }).code).toMatch(/^(containerfile\.malformed|input\.malformed)$/);
    }
  }
});

test("random files are parsed or refused with a code, and never hang", () => {
  const next = random(11);
  const pieces = ["FROM a\n", "RUN ", "COPY ", "<<EOF", "EOF\n", "\\\n", "# c\n", "\n", "\"", "'", "[\"a\"]", "[1]", "--x=y ", "ENV a=b\n", "ENV a b\n", "\t", "$x", "`\n", "ONBUILD ", "LABEL ", "=", "#escape=`\n", "\r\n"];
  for (let turn = 0; turn < 5000; turn++) {
    const text = Array.from({ length: next(14) }, () => pieces[next(pieces.length)]).join("");
    try {
      for (const instruction of parseContainerfile(text).instructions) expect(instructionNames).toContain(instruction.name);
    } catch (thrown) {
      expect((thrown as { code?: string }).code).toBe("containerfile.malformed");
    }
  }
});

const one = (text: string) => parseContainerfile(text).instructions[0]!;

test("lines are continued, comments inside dropped, and the escape character is chosen", () => {
  expect(one("RUN a \\\n# said aside\n  && b \\\n\n  && c").words).toEqual(["a   && b   && c"]);
  expect(one("# escape=`\nRUN dir `\n  c:\\\n").words).toEqual(["dir   c:\\"]);
  expect(one("\uFEFFFROM x\r\n").words).toEqual(["x"]);
  expect(parseContainerfile("# syntax=docker/dockerfile:1\n# check=skip=all\nFROM x").directives.get("check")).toBe("skip=all");
  expect(() => parseContainerfile("# escape=`\n# escape=`\nFROM x")).toThrow(/only one escape parser directive/);
});

test("every instruction is split as it wants to be", () => {
  expect(one('COPY ["a b", "c"]')).toMatchObject({ words: ["a b", "c"], isJson: true });
  expect(one("COPY --from=x --chown=1:2 a b /c/")).toMatchObject({ flags: ["--from=x", "--chown=1:2"], words: ["a", "b", "/c/"] });
  expect(one('ENV a=b c="d e" f=\'g h\'').words).toEqual(["a", "b", "c", '"d e"', "f", "'g h'"]);
  expect(one("ENV old form of it").words).toEqual(["old", "form of it"]);
  expect(one("HEALTHCHECK --interval=5s CMD [\"x\", \"y\"]")).toMatchObject({ flags: ["--interval=5s"], words: ["CMD", "x", "y"], isJson: true });
  expect(one("ONBUILD COPY a b").trigger).toMatchObject({ name: "copy", words: ["a", "b"] });
  expect(one("RUN [not json")).toMatchObject({ words: ["[not json"], isJson: false });
  expect(() => one("CMD [1, 2]")).toThrow(/arrays must be comprised of strings only \(line 1\)/);
});

test("here-documents belong to their line, chomped and quoted as they ask", () => {
  const run = one("RUN <<A cat <<-'B' > x\n$one\nA\n\ttwo\n\tB\n");
  expect(run.heredocs).toEqual([
    { name: "A", content: "$one\n", expand: true, chomp: false }, { name: "B", content: "two\n", expand: false, chomp: true },
  ]);
  expect(one("RUN echo '<<EOF'\n").heredocs).toEqual([]);
  expect(one("RUN cat <<<text\n").heredocs).toEqual([]);
  expect(one('RUN ["x", "<<EOF"]\n').heredocs).toEqual([]);
  expect(parseContainerfile("COPY <<a <<b /d/\n1\na\n2\nb\nRUN x").instructions).toHaveLength(2);
});

test("an unknown instruction is told with its line, its column and what was meant", () => {
  expect(() => parseContainerfile("FROM x\n  RUM y")).toThrow(expect.objectContaining({ message: expect.stringContaining('"RUM" in line 2, column 1'), hint: "write RUN" }));
});

test("a file of 10 MB is refused", () => {
  expect(() => parseContainerfile(`FROM x\n# ${"x".repeat(10 * 1024 * 1024)}`)).toThrow(expect.objectContaining({ code: "input.too-large" }));
});
