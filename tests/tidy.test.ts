// The rules of HOUSE_STYLE.md that a test can hold: arrows, edges, sizes, first lines, no work at import, no places of one machine.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const top = join(import.meta.dir, "..");

/** Row may import column; nothing else. `main` is src/main.ts alone. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  main: ["commands", "cli", "base"],
  commands: ["cli", "api", "engine", "build", "image", "registry", "storage", "security", "base"],
  api: ["engine", "build", "image", "storage", "base"],
  build: ["engine", "image", "storage", "runtime", "base"],
  engine: ["image", "storage", "runtime", "security", "kernel", "base"],
  image: ["registry", "storage", "base"],
  runtime: ["security", "kernel", "base"],
  storage: ["kernel", "base"],
  security: ["kernel", "base"],
  cli: ["base"],
  registry: ["base"],
  kernel: ["base"],
  base: [],
};

interface Edge {
  readonly what: string;
  readonly pattern: RegExp;
  readonly allowed: RegExp;
}

const edges: readonly Edge[] = [
  { what: "bun:ffi", pattern: /["']bun:ffi["']/, allowed: /^src\/kernel\// },
  { what: "bun:sqlite", pattern: /["']bun:sqlite["']/, allowed: /^src\/(engine\/state|storage)\// },
  {
    what: "fetch, TLS or a socket to elsewhere",
    pattern: /(?<![.\w])fetch\(|["']node:(tls|https?|net)["']/,
    allowed: /^src\/(registry\/|image\/transports\/daemon|api\/)/,
  },
  {
    what: "a child process",
    pattern: /["'](node:)?child_process["']|\bBun\.(spawn|spawnSync|\$)\b/,
    allowed: /^src\/(base\/spawn\.ts|kernel\/)/,
  },
  { what: "process.argv or process.exit", pattern: /\bprocess\.(argv|exit|reallyExit)\b/, allowed: /^src\/(main\.ts|cli\/)/ },
  { what: "process.stdout, stderr or stdin", pattern: /\bprocess\.(stdout|stderr|stdin)\b/, allowed: /^src\/cli\// },
];

/** Rooms that other runtimes load too. */
const portable = /^src\/(registry|image\/(?!transports\/storage)|base\/(digest|fault|media-types|limits))/;

const tools = ["clau" + "de", "anth" + "ropic", "co" + "pilot", "chat" + "gpt", "open" + "ai"];
const machinePlaces = new RegExp(["/wo" + "rk/(main|shared)", "/root/\\.ca" + "che", "\\.\\./sha" + "red/(design|peers|hooks)", "/tmp/br" + "ief"].join("|"));

function filesUnder(folder: string, keep: RegExp): string[] {
  let names: string[];
  try {
    names = readdirSync(join(top, folder), { recursive: true }) as string[];
  } catch {
    return [];
  }
  return names.filter(name => keep.test(name)).map(name => join(folder, name)).sort();
}

const read = (path: string): string => readFileSync(join(top, path), "utf8");

/** Comments, strings, templates and regular expressions blanked out, lines kept, so that braces and words are code. */
export function codeOnly(source: string): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;
  return source.replace(token, found => found.replace(/[^\n]/g, " "));
}

const withoutComments = (source: string): string =>
  source.replace(/("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, text) => text ?? "");

interface Span {
  readonly line: number;
  readonly lines: number;
}

/** Functions and methods with a block body, by brace matching over `codeOnly`; nested ones are counted on their own too. */
export function functionSpans(source: string): Span[] {
  const code = codeOnly(source);
  const opening = /(?:\bfunction\b[^{;]*|=>\s*|\)\s*(?::\s*[\w<>[\]|&., "'`]+)?\s*)\{/g;
  const spans: Span[] = [];
  for (const found of code.matchAll(opening)) {
    const before = code.slice(Math.max(0, found.index - 200), found.index + 1);
    if (/\b(if|for|while|switch|catch|with)\s*\([^{}]*$/.test(before) && !/=>|function/.test(found[0])) continue;
    const start = found.index + found[0].length - 1;
    const end = closing(code, start);
    const line = lineOf(code, found.index);
    spans.push({ line, lines: lineOf(code, end) - line + 1 });
  }
  return spans;
}

function closing(code: string, start: number): number {
  let depth = 0;
  for (let at = start; at < code.length; at++) {
    if (code[at] === "{") depth++;
    else if (code[at] === "}" && --depth === 0) return at;
  }
  return code.length;
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length;

const sources = filesUnder("src", /\.ts$/);
const products = sources.filter(path => !path.endsWith(".test.ts"));
const testFiles = [...filesUnder("tests", /\.ts$/), ...sources.filter(path => path.endsWith(".test.ts"))];
const everything = [...sources, ...filesUnder("tests", /\.(ts|sh)$/), ...filesUnder("tools", /\.(ts|sh)$/)];
const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "HOUSE_STYLE.md", "Makefile", ...filesUnder("docs", /\.md$/)];

const roomOf = (path: string): string => (path === "src/main.ts" ? "main" : path.split("/")[1]!);

test("there are sources to look at", () => {
  expect(sources.length).toBeGreaterThan(20);
});

test("rooms import only along the arrows", () => {
  const wrong: string[] = [];
  for (const path of products) {
    const room = roomOf(path);
    if (!arrows[room]) wrong.push(`${path}: a room without a row in the table of arrows`);
    for (const [, target] of withoutComments(read(path)).matchAll(/\b(?:from|import)\b[ (]*["'](\.[^"']+)["']/g)) {
      const into = roomOf(join(path, "..", target!));
      if (into !== room && !arrows[room]?.includes(into)) wrong.push(`${path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

for (const edge of edges) {
  test(`only its own room touches ${edge.what}`, () => {
    const wrong = products.filter(path => !edge.allowed.test(path) && edge.pattern.test(withoutComments(read(path))));
    expect(wrong).toEqual([]);
  });
}

test("the portable rooms import nothing of Bun's own", () => {
  const wrong = products.filter(path => portable.test(path) && /["']bun(:\w+)?["']/.test(withoutComments(read(path))));
  expect(wrong).toEqual([]);
});

test("files stay short: 500 lines, tests 700", () => {
  const wrong: string[] = [];
  for (const path of everything) {
    const lines = read(path).split("\n").length - 1;
    if (lines > (testFiles.includes(path) ? 700 : 500)) wrong.push(`${path}: ${lines} lines`);
  }
  expect(wrong).toEqual([]);
});

test("functions stay short: 60 lines", () => {
  const wrong: string[] = [];
  for (const path of products) {
    for (const span of functionSpans(read(path))) if (span.lines > 60) wrong.push(`${path}:${span.line}: ${span.lines} lines`);
  }
  expect(wrong).toEqual([]);
});

test("the measure of functions sees long ones and leaves short ones", () => {
  const long = `export function f(a: string): void {\n${"  a;\n".repeat(70)}}\n`;
  expect(functionSpans(long)).toEqual([{ line: 1, lines: 72 }]);
  expect(functionSpans('const f = (a: string) => {\n  return "}{{{";\n};\n')).toEqual([{ line: 1, lines: 3 }]);
  expect(functionSpans("if (a) {\n  b();\n}\n")).toEqual([]);
});

test("a file begins by saying what lives in it", () => {
  const wrong = everything.filter(path => !/^src.*\.test\.ts$/.test(path)).filter(path => {
    const lines = read(path).split("\n");
    const first = lines[0]!.startsWith("#!") ? lines[1]! : lines[0]!;
    return !/^(\/\/|#|\/\*\*?) ?\S+ \S+ \S+/.test(first);
  });
  expect(wrong).toEqual([]);
});

const literal = /"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|\/\/.*/g;

test("lines are at most 180 columns wide without their texts (the aim is 120), and have no tabs or trailing blanks", () => {
  const wrong: string[] = [];
  for (const path of products) {
    read(path).split("\n").forEach((line, index) => {
      const width = line.replace(literal, "\"\"").length;
      if (width > 180) wrong.push(`${path}:${index + 1}: ${width} columns`);
      if (/\t|\s$/.test(line)) wrong.push(`${path}:${index + 1}: tab or trailing blank`);
    });
  }
  expect(wrong).toEqual([]);
});

test("nothing happens at import: no calls that open, read or compute at the left margin", () => {
  const work = /^(?:export )?(?:(?:const|let|var) \w+(?::[^=]+)? = )?(?:await |new (?:Worker|Database)\b|(?:fs\.)?\w*Sync\(|Bun\.(?:file|spawn|serve)|for \(|while \()/;
  const wrong: string[] = [];
  for (const path of products) {
    if (path === "src/main.ts") continue;
    codeOnly(read(path)).split("\n").forEach((line, index) => {
      if (work.test(line)) wrong.push(`${path}:${index + 1}: ${line.trim()}`);
    });
  }
  expect(wrong).toEqual([]);
});

test("files are named by what they hold", () => {
  const wrong = products.filter(path => /(^|\/)(utils?|helpers?|managers?|common|impl|types|misc)(\.ts|\/)/.test(path) || !/^[a-z0-9/.-]+$/.test(path));
  expect(wrong).toEqual([]);
});

test("named exports only, but for the verbs", () => {
  const wrong = products.filter(path => /^export default\b/m.test(read(path)) && !path.startsWith("src/commands/"));
  expect(wrong).toEqual([]);
});

test("no file names a place of one machine or a tool of a workplace", () => {
  const wrong: string[] = [];
  for (const path of [...everything, ...documents]) {
    let text: string;
    try {
      text = read(path);
    } catch {
      continue;
    }
    if (machinePlaces.test(text)) wrong.push(`${path}: ${machinePlaces.exec(text)![0]}`);
    for (const tool of tools) if (text.toLowerCase().includes(tool)) wrong.push(`${path}: ${tool}`);
  }
  expect(wrong).toEqual([]);
});

test("what was left undone is a test marked todo, not a comment", () => {
  const wrong = products.filter(path => /\/\/.*\b(TODO|FIXME|XXX|HACK)\b/.test(read(path)));
  expect(wrong).toEqual([]);
});
